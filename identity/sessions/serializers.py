from rest_framework import serializers

from identity.api.fields import PhoneNumberField
from identity.api.passwords import PasswordField, PasswordSerializer, not_guessed_at_once
from identity.serializers import UserSerializer
from identity.sessions.tokens import SignedIn, Tokens

# Characters. Our tokens have about 400; a token of this length cannot nest too deeply for the parser.
LONGEST_TOKEN = 600


class SignInSerializer(serializers.Serializer[None]):
    phone_number = PhoneNumberField()
    password = PasswordField()


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
