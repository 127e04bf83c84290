from rest_framework import serializers

from identity.api.fields import LanguageField, NameField, PhoneNumberField, ReachableNumberField
from identity.api.passwords import PasswordField, not_guessed_at_once
from identity.models import Language, Verification
from identity.sessions.serializers import OriginSerializer
from identity.verification.registration import RESEND_AFTER


class RegisterSerializer(serializers.Serializer[None]):
    phone_number = ReachableNumberField()
    password = PasswordField(validators=[not_guessed_at_once])
    first_name = NameField(max_length=50)
    last_name = NameField(max_length=50, allow_blank=True, default="")
    language = LanguageField(default=Language.RU)


class ResendSerializer(serializers.Serializer[None]):
    phone_number = PhoneNumberField()
    verification_id = serializers.UUIDField()


class VerifySerializer(OriginSerializer):
    phone_number = PhoneNumberField()
    code = serializers.RegexField(r"^[0-9]{6}$")
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
