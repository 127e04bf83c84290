from rest_framework import serializers

from identity.api.fields import LanguageField, NameField, PlainTextField, ReachableNumberField
from identity.contacts.contacts import MAX_CONTACTS
from identity.models import EmergencyContact


class ContactSerializer(serializers.ModelSerializer[EmergencyContact]):
    phone_number = serializers.CharField(read_only=True)
    refuses_sms = serializers.BooleanField(
        read_only=True,
        help_text="The contact texted STOP, or chose it on the page of an alert. They get only an SOS.",
    )
    declined_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="When the contact declined. Nothing is sent to them, not even an SOS. Changing `phone_number`, or"
        " removing and adding the contact, clears it.",
    )

    class Meta:
        model = EmergencyContact
        fields = ["id", "name", "phone_number", "relation", "language", "order", "refuses_sms", "declined_at"]
        read_only_fields = fields


class ContactListSerializer(serializers.Serializer[None]):
    """All contacts; there are at most 50."""

    results = ContactSerializer(many=True, read_only=True)


class NewContactSerializer(serializers.Serializer[None]):
    name = NameField(max_length=100)
    phone_number = ReachableNumberField()
    relation = PlainTextField(max_length=50, allow_blank=True, default="")
    language = LanguageField(required=False, help_text="The default is the person's language.")


class ContactChangesSerializer(serializers.Serializer[None]):
    name = NameField(max_length=100)
    phone_number = ReachableNumberField()
    relation = PlainTextField(max_length=50, allow_blank=True)
    language = LanguageField()


class ContactOrderSerializer(serializers.Serializer[None]):
    ids = serializers.ListField(child=serializers.UUIDField(), max_length=MAX_CONTACTS)
