from rest_framework import serializers

from identity.api.fields import ChoiceField, PhoneNumberField, PlainTextField
from identity.api.passwords import PasswordField, PasswordSerializer, not_guessed_at_once
from identity.models import Platform
from identity.serializers import UserSerializer
from identity.sessions.known_devices import LONGEST_TOKEN as LONGEST_DEVICE_TOKEN
from identity.sessions.tokens import SignedIn, Tokens

# Characters. Our tokens have about 400; a token of this length cannot nest too deeply for the parser.
LONGEST_TOKEN = 600


class OriginSerializer(serializers.Serializer[None]):
    """The device's name and platform, with which `me/sessions/` lists the new session."""

    device_name = PlainTextField(
        max_length=100, required=False, allow_null=True, help_text="The person's name for the device."
    )
    platform = ChoiceField(Platform, required=False, allow_null=True)


class SignInSerializer(OriginSerializer):
    phone_number = PhoneNumberField()
    password = PasswordField()
    device_token = serializers.CharField(
        max_length=LONGEST_DEVICE_TOKEN,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The `device_token` of the last sign-in on this device. With it, other people's wrong tries at this"
        " number or from this network do not refuse the sign-in.",
    )


class RefreshSerializer(serializers.Serializer[None]):
    refresh = serializers.CharField(max_length=LONGEST_TOKEN)


class NewPasswordSerializer(PasswordSerializer):
    new_password = PasswordField(validators=[not_guessed_at_once])


class TokensSerializer(serializers.Serializer[Tokens]):
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


class SignedInSerializer(serializers.Serializer[SignedIn]):
    tokens = TokensSerializer(read_only=True)
    user = UserSerializer(read_only=True)
    device_token = serializers.CharField(
        read_only=True, help_text="Keep it on this device, also after signing out, and send it with the next sign-in."
    )
