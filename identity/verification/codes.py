"""Codes that prove a phone number: six random digits, stored as a salted hash with a key that is not in the database.

Somebody who stole the table could try all million codes in seconds; without SECRET_KEY they cannot.
"""

import hmac
import secrets

from django.conf import settings
from django.utils.crypto import salted_hmac

SALT_BYTES = 16


def new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def hashed(code: str, *, salt: bytes) -> bytes:
    """The HMAC-SHA256 of salt and code. Django derives the key of the HMAC from SECRET_KEY."""
    return _hashed(code, salt=salt, key=settings.SECRET_KEY)


def matches(code: str, *, salt: bytes, expected: bytes) -> bool:
    """Whether the code has this hash by SECRET_KEY or one of its fallbacks. Each comparison takes a constant time."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(_hashed(code, salt=salt, key=key), expected) for key in keys)


def _hashed(code: str, *, salt: bytes, key: str) -> bytes:
    return salted_hmac("alertme verification code", salt + code.encode(), secret=key, algorithm="sha256").digest()
