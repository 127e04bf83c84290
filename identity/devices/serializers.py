from rest_framework import serializers

from identity.api.fields import ChoiceField, PlainTextField
from identity.devices.credentials import Registered
from identity.models import Device, Platform


class NewDeviceSerializer(serializers.Serializer[None]):
    name = PlainTextField(max_length=100, help_text="The person's name for the device, like `Aida's phone`.")
    platform = ChoiceField(Platform)


class DeviceSerializer(serializers.ModelSerializer[Device]):
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Exact to the minute.")

    is_signed_in = serializers.BooleanField(
        read_only=True,
        help_text="Whether the session that registered it goes on. If not, remove the device unless it is yours.",
    )

    class Meta:
        model = Device
        fields = ["id", "name", "platform", "created_at", "last_used_at", "is_signed_in"]
        read_only_fields = fields


class DeviceListSerializer(serializers.Serializer[None]):
    """All devices; there are at most 10."""

    results = DeviceSerializer(many=True, read_only=True)


class RegisteredDeviceSerializer(serializers.Serializer[Registered]):
    device = DeviceSerializer(read_only=True)
    credential = serializers.CharField(read_only=True, help_text="The SOS credential. It is shown only this once.")
