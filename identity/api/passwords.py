"""Fields for passwords in requests: bounded in length, and new ones checked against easy guesses."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

# Characters. Argon2 hashes the whole password, and Django sets no limit.
_LONGEST_PASSWORD = 128


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=_LONGEST_PASSWORD, trim_whitespace=False, style={"input_type": "password"}, **kwargs
        )


def not_guessed_at_once(password: str) -> None:
    try:
        validate_password(password)
    except DjangoValidationError as error:
        raise serializers.ValidationError(error.messages) from error


class PasswordSerializer(serializers.Serializer[None]):
    password = PasswordField()
