import unicodedata
from typing import Any

from rest_framework import serializers

from identity.api.fields import LanguageField, NameField, PhoneNumberField, ReachableNumberField
from identity.api.passwords import PasswordField, not_guessed_at_once
from identity.models import Language, Verification
from identity.sessions.serializers import OriginSerializer
from identity.verification.registration import RESEND_AFTER

# Spaces of every width, hyphens and periods; iPhones write a dash for two hyphens.
_BETWEEN_GROUPS = " \t\u00a0\u2009\u202f-\u2010\u2011\u2013\u2014."
_LONGEST_CODE = 20


class RegisterSerializer(serializers.Serializer[None]):
    phone_number = ReachableNumberField()
    password = PasswordField(validators=[not_guessed_at_once])
    first_name = NameField(max_length=50)
    last_name = NameField(max_length=50, allow_blank=True, default="")
    language = LanguageField(default=Language.RU)


class ResendSerializer(serializers.Serializer[None]):
    phone_number = PhoneNumberField()
    verification_id = serializers.UUIDField()


class CodeField(serializers.RegexField):
    """A code as people type it: in groups, and with the digits of their own script."""

    def to_internal_value(self, data: Any) -> str:
        typed = str(super().to_internal_value(data))
        if len(typed) > _LONGEST_CODE:
            return typed
        digits = (str(unicodedata.decimal(character, character)) for character in typed)
        return "".join(digit for digit in digits if digit not in _BETWEEN_GROUPS)


class VerifySerializer(OriginSerializer):
    phone_number = PhoneNumberField()
    code = CodeField(r"^[0-9]{6}$")
    verification_id = serializers.UUIDField()


class CodeSentSerializer(serializers.ModelSerializer[Verification]):
    """The response to a registration: the same for numbers with and without an account."""

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
