from rest_framework import serializers

from identity.api.passwords import PasswordSerializer
from identity.pins.pins import PIN_PATTERN


class PinStateSerializer(serializers.Serializer[None]):
    is_set = serializers.BooleanField()


class PinsSerializer(PasswordSerializer):
    safe_pin = serializers.RegexField(
        PIN_PATTERN,
        help_text="Ends an alert. 4 to 8 digits. `trivial_pin`: repeated digits, a run, a year, or the end of the"
        " person's own number.",
    )
    duress_pin = serializers.RegexField(
        PIN_PATTERN,
        help_text="To be typed under threat. The app shows exactly the same as for the safe PIN, but the alert goes on"
        " and the contacts learn of the duress. 4 to 8 digits. `similar_pins`: one slip away from the safe PIN.",
    )

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        if attrs["safe_pin"] == attrs["duress_pin"]:
            raise serializers.ValidationError({"duress_pin": "It must differ from the safe PIN."}, code="same_pins")
        return attrs
