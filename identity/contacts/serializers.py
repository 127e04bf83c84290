from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from identity.api.fields import LanguageField, NameField, PlainTextField, ReachableNumberField
from identity.consent_models import ConsentState
from identity.contacts import consent
from identity.contacts.contacts import MAX_CONTACTS
from identity.models import EmergencyContact
from identity.pins.serializers import ProvedSerializer


class ConsentSerializer(serializers.Serializer[EmergencyContact]):
    """The contact's consent. An `invited` contact is told of a few alerts a day and of nothing else.

    Contacts that were added before contacts were asked are `accepted`.
    """

    state = serializers.SerializerMethodField()
    since = serializers.SerializerMethodField()
    reminders_left = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "enum": ConsentState.values})
    def get_state(self, contact: EmergencyContact) -> str:
        before = ConsentState.DECLINED if contact.declined_at else ConsentState.ACCEPTED
        return str(contact.consent.state if contact.consent else before)

    def get_since(self, contact: EmergencyContact) -> datetime:
        return contact.consent.at if contact.consent else contact.declined_at or contact.created_at

    def get_reminders_left(self, contact: EmergencyContact) -> int:
        return consent.reminders_left(contact.consent) if contact.consent else 0


class ContactSerializer(serializers.ModelSerializer[EmergencyContact]):
    phone_number = serializers.CharField(read_only=True)
    refuses_sms = serializers.BooleanField(
        read_only=True,
        help_text="The contact texted STOP, or chose it on the page of an alert. They get only an SOS.",
    )
    declined_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="When this number declined. Nothing is sent to it, not even an SOS. It stays so when the contact is"
        " removed and added again; only the contact can accept.",
    )
    consent = ConsentSerializer(source="*", read_only=True)

    class Meta:
        model = EmergencyContact
        fields = [
            "id",
            "name",
            "phone_number",
            "relation",
            "language",
            "order",
            "refuses_sms",
            "declined_at",
            "consent",
        ]
        read_only_fields = fields


class ContactListSerializer(serializers.Serializer[None]):
    """All contacts; there are at most 50."""

    results = ContactSerializer(many=True, read_only=True)


def _tell_of_duress(**kwargs: Any) -> serializers.BooleanField:
    return serializers.BooleanField(
        write_only=True,
        help_text="Whether the contact is told when the person types the duress PIN. `false`: for this contact the"
        " alert ends, as the person's devices show it. No response has it: it would show whom the person distrusts.",
        **kwargs,
    )


class NewContactSerializer(serializers.Serializer[None]):
    name = NameField(max_length=100)
    phone_number = ReachableNumberField()
    relation = PlainTextField(max_length=50, allow_blank=True, default="")
    language = LanguageField(required=False, help_text="The default is the person's language.")
    tell_of_duress = _tell_of_duress(default=True)


class ContactChangesSerializer(ProvedSerializer):
    name = NameField(max_length=100)
    phone_number = ReachableNumberField()
    relation = PlainTextField(max_length=50, allow_blank=True)
    language = LanguageField()
    tell_of_duress = _tell_of_duress()


class ContactOrderSerializer(ProvedSerializer):
    ids = serializers.ListField(child=serializers.UUIDField(), max_length=MAX_CONTACTS)
