"""Texts are encrypted at rest with a key that is not in the database (derived from SECRET_KEY)."""

import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# AES-GCM and not Fernet, which is made of Python: that took a seventh of the processor time a message costs.
_NONCE_BYTES = 12


class Unreadable(Exception):
    """The text was sealed with a key that is neither SECRET_KEY nor in SECRET_KEY_FALLBACKS."""


def seal(text: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _box(settings.SECRET_KEY).encrypt(nonce, text.encode(), None)


def unseal(sealed: bytes | memoryview) -> str:
    nonce, sealed_text = bytes(sealed[:_NONCE_BYTES]), bytes(sealed[_NONCE_BYTES:])
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _box(secret).decrypt(nonce, sealed_text, None).decode()
        except (InvalidTag, ValueError):  # ValueError: too short to have been sealed at all.
            continue
    raise Unreadable


@cache
def _box(secret: str) -> AESGCM:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"alertme message text, AES-GCM").derive(secret.encode())
    return AESGCM(key)
