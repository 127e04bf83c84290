from rest_framework import serializers

from alerts.exports.signing import PublicKey


class PublicKeySerializer(serializers.Serializer[PublicKey]):
    id = serializers.CharField(help_text="The `key_id` in the manifest of an export.")
    pem = serializers.CharField(help_text="An Ed25519 public key.")


class PublicKeysSerializer(serializers.Serializer[dict[str, list[PublicKey]]]):
    keys = PublicKeySerializer(many=True, help_text="The key that signs now, then the keys that signed before.")
