from rest_framework import serializers

from alerts.exports.keys import View
from alerts.exports.signing import PublicKey


class PublicKeySerializer(serializers.Serializer[PublicKey]):
    id = serializers.CharField(help_text="The `key_id` in the manifest of an export.")
    view = serializers.ChoiceField(
        choices=[str(view) for view in View], help_text="The exports that the key signs: `owner` or `operator`."
    )
    pem = serializers.CharField(help_text="An Ed25519 public key.")


class PublicKeysSerializer(serializers.Serializer[dict[str, list[PublicKey]]]):
    keys = PublicKeySerializer(
        many=True, help_text="For each view the key that signs now, then the keys that signed before."
    )
