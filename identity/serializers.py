"""The bodies of the API: what is read, and what is answered."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from identity.contacts import MAX_CONTACTS
from identity.devices import Registered
from identity.fields import ChoiceField, LanguageField, PhoneNumberField, PlainTextField
from identity.models import Device, EmergencyContact, Language, Platform, User, Verification
from identity.pins import PIN_PATTERN
from identity.sessions import SignedIn, Tokens
from identity.verification import RESEND_AFTER

# argon2 reads all of it; Django's own forms have no bound.
_LONGEST_PASSWORD = 128
# Ours have about 400 characters; a header nested as deep as this allows is still parsed.
LONGEST_TOKEN = 600


class _PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=_LONGEST_PASSWORD, trim_whitespace=False, style={"input_type": "password"}, **kwargs
        )


def _not_guessed_at_once(password: str) -> None:
    try:
        validate_password(password)
    except DjangoValidationError as error:
        raise serializers.ValidationError(error.messages) from error


class RegisterSerializer(serializers.Serializer[None]):
    phone_number = PhoneNumberField()
    password = _PasswordField(validators=[_not_guessed_at_once])
    first_name = PlainTextField(max_length=50)
    last_name = PlainTextField(max_length=50, allow_blank=True, default="")
    language = LanguageField(default=Language.RU)


class ResendSerializer(serializers.Serializer[None]):
    phone_number = PhoneNumberField()
    verification_id = serializers.UUIDField()


class VerifySerializer(serializers.Serializer[None]):
    phone_number = PhoneNumberField()
    code = serializers.RegexField(r"^[0-9]{6}$")
    verification_id = serializers.UUIDField()


class SignInSerializer(serializers.Serializer[None]):
    phone_number = PhoneNumberField()
    password = _PasswordField()


class RefreshSerializer(serializers.Serializer[None]):
    refresh = serializers.CharField(max_length=LONGEST_TOKEN)


class PinStateSerializer(serializers.Serializer[None]):
    is_set = serializers.BooleanField()


class PasswordSerializer(serializers.Serializer[None]):
    password = _PasswordField()


class NewPasswordSerializer(PasswordSerializer):
    new_password = _PasswordField(validators=[_not_guessed_at_once])


class PinsSerializer(PasswordSerializer):
    safe_pin = serializers.RegexField(PIN_PATTERN, help_text="Ends an alert. 4 to 8 digits.")
    duress_pin = serializers.RegexField(
        PIN_PATTERN,
        help_text="Typed under threat: the app shows exactly what the safe PIN shows, while the alert goes on and the"
        " contacts are told that it is duress.",
    )

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        if attrs["safe_pin"] == attrs["duress_pin"]:
            raise serializers.ValidationError({"duress_pin": "It must differ from the safe PIN."}, code="same_pins")
        return attrs


class NewDeviceSerializer(serializers.Serializer[None]):
    name = PlainTextField(max_length=100, help_text="What the person calls it, like `Aida's phone`.")
    platform = ChoiceField(Platform)


class DeviceSerializer(serializers.ModelSerializer[Device]):
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="To the minute.")

    class Meta:
        model = Device
        fields = ["id", "name", "platform", "created_at", "last_used_at"]
        read_only_fields = fields


class DeviceListSerializer(serializers.Serializer[None]):
    """Complete: there are at most 10."""

    results = DeviceSerializer(many=True, read_only=True)


class RegisteredDeviceSerializer(serializers.Serializer[Registered]):
    device = DeviceSerializer(read_only=True)
    credential = serializers.CharField(read_only=True, help_text="Shown this once.")


class CodeSentSerializer(serializers.ModelSerializer[Verification]):
    """The same whether the number is known or not."""

    detail = serializers.SerializerMethodField()
    phone_number = serializers.CharField(read_only=True)
    verification_id = serializers.UUIDField(source="id", read_only=True)
    resend_after_s = serializers.SerializerMethodField()

    class Meta:
        model = Verification
        fields = ["detail", "phone_number", "verification_id", "expires_at", "resend_after_s"]
        read_only_fields = fields

    def get_detail(self, _: Verification) -> str:
        return "Verification code sent"

    def get_resend_after_s(self, _: Verification) -> int:
        return int(RESEND_AFTER.total_seconds())


class TokensSerializer(serializers.Serializer[Tokens]):
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


class UserSerializer(serializers.ModelSerializer[User]):
    phone_number = serializers.CharField(read_only=True)

    class Meta:
        model = User
        fields = ["id", "phone_number", "first_name", "last_name", "language", "email"]
        read_only_fields = fields


class SignedInSerializer(serializers.Serializer[SignedIn]):
    tokens = TokensSerializer(read_only=True)
    user = UserSerializer(read_only=True)


class ProfileSerializer(serializers.Serializer[None]):
    first_name = PlainTextField(max_length=50)
    last_name = PlainTextField(max_length=50, allow_blank=True)
    language = LanguageField()
    email = serializers.EmailField(max_length=254, allow_null=True)


class ContactSerializer(serializers.ModelSerializer[EmergencyContact]):
    phone_number = serializers.CharField(read_only=True)
    refuses_sms = serializers.BooleanField(
        read_only=True,
        help_text="They texted STOP, or asked for it on the page of an alert: only an SOS is sent to them.",
    )
    declined_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="When they said that they do not want to be a contact: nothing is sent to them, not even an SOS."
        " Another `phone_number` clears it, as does adding them anew.",
    )

    class Meta:
        model = EmergencyContact
        fields = ["id", "name", "phone_number", "relation", "language", "order", "refuses_sms", "declined_at"]
        read_only_fields = fields


class ContactListSerializer(serializers.Serializer[None]):
    """Complete: there are at most 50."""

    results = ContactSerializer(many=True, read_only=True)


class NewContactSerializer(serializers.Serializer[None]):
    name = PlainTextField(max_length=100)
    phone_number = PhoneNumberField()
    relation = PlainTextField(max_length=50, allow_blank=True, default="")
    language = LanguageField(required=False, help_text="The person's own when left out.")


class ContactChangesSerializer(serializers.Serializer[None]):
    name = PlainTextField(max_length=100)
    phone_number = PhoneNumberField()
    relation = PlainTextField(max_length=50, allow_blank=True)
    language = LanguageField()


class ContactOrderSerializer(serializers.Serializer[None]):
    ids = serializers.ListField(child=serializers.UUIDField(), max_length=MAX_CONTACTS)
