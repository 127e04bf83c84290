from typing import Any

from rest_framework import serializers

from identity.pins.pins import PIN_PATTERN


class ProvedSerializer(serializers.Serializer[None]):
    """A request that may need a PIN, in `pin` or in the header `X-Pin`."""

    pin = serializers.RegexField(
        PIN_PATTERN,
        required=False,
        allow_blank=True,
        allow_null=True,
        write_only=True,
        help_text="The safe or the duress PIN. Needed once PINs are set (`me/pin/`) if protection is weakened.",
    )

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        # protection.py reads the PIN from the request.
        value.pop("pin", None)
        return value
