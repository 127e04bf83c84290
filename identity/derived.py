"""Tokens of links, derived from SECRET_KEY: a later text can repeat a link although no table holds it."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256

from django.conf import settings
from django.utils.crypto import salted_hmac

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 bits in base64 without padding


def token(named: str, *, salt: str) -> str:
    """The token of the link that `named` stands for, derived from SECRET_KEY and `salt`."""
    return next(_tokens(named, salt=salt))


def repeated(named: str, *, salt: str, stored: bytes | memoryview) -> str | None:
    """The token of `named` with the hash `stored`, by SECRET_KEY or one of its fallbacks; None if no key gives it."""
    return next((each for each in _tokens(named, salt=salt) if hash_of(each) == bytes(stored)), None)


def hash_of(derived: str) -> bytes:
    # No salt is needed: nobody can guess 128 bits.
    return sha256(derived.encode()).digest()


def _tokens(named: str, *, salt: str) -> Iterator[str]:
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        digest = salted_hmac(salt, named, secret=key, algorithm="sha256").digest()
        yield urlsafe_b64encode(digest[:16]).decode().rstrip("=")
