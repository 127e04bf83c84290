"""Reads tokens that an earlier SECRET_KEY signed, while that key is in SECRET_KEY_FALLBACKS: phones stay signed in."""

from collections.abc import Iterator
from typing import TypeVar

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

Kind = TypeVar("Kind", bound=Token)


def kinds(kind: type[Kind]) -> Iterator[type[Kind]]:
    """Yield the token class `kind`, which reads tokens of SECRET_KEY, then a subclass for each key of the fallbacks."""
    yield kind
    for key in settings.SECRET_KEY_FALLBACKS:
        older = TokenBackend(api_settings.ALGORITHM, key)
        yield type(f"Older{kind.__name__}", (kind,), {"_token_backend": older})
