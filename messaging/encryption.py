"""Encrypts the texts of messages at rest. The key is derived from SECRET_KEY, so it is not in the database."""

import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# AES-GCM, because Fernet is written in Python: it took a seventh of the processor time of a message.
_NONCE_BYTES = 12


class Unreadable(Exception):
    """The text was encrypted with a key that is neither SECRET_KEY nor in SECRET_KEY_FALLBACKS."""


def encrypt(text: str) -> bytes:
    """The text encrypted: the nonce, then the encrypted text with its authentication tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _box(settings.SECRET_KEY).encrypt(nonce, text.encode(), None)


def decrypt(encrypted: bytes | memoryview) -> str:
    """The text that `encrypt` was given. Raises Unreadable if no present key fits."""
    nonce, encrypted_text = bytes(encrypted[:_NONCE_BYTES]), bytes(encrypted[_NONCE_BYTES:])
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _box(secret).decrypt(nonce, encrypted_text, None).decode()
        except (InvalidTag, ValueError):  # ValueError: shorter than any encrypted text.
            continue
    raise Unreadable


@cache
def _box(secret: str) -> AESGCM:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"alertme message text, AES-GCM").derive(secret.encode())
    return AESGCM(key)
