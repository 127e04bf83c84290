"""Texts are encrypted at rest with a key that is not in the database (derived from SECRET_KEY)."""

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """The text was sealed with a key that is neither SECRET_KEY nor in SECRET_KEY_FALLBACKS."""


def seal(text: str) -> bytes:
    return _box(_secrets()).encrypt(text.encode())


def unseal(sealed: bytes | memoryview) -> str:
    try:
        return _box(_secrets()).decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        raise Unreadable from error


def _secrets() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@cache
def _box(secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"alertme message text").derive(secret.encode())
    return base64.urlsafe_b64encode(key)
