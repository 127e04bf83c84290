"""Encrypts data at rest under DATA_KEYS (keyring.py): columns of text, phone numbers, texts of messages, keys of files.

An encrypted text begins with `~t`, an encrypted phone number or e-mail address with `~n`; the key's id and the
ciphertext follow in base64url. A stored text of any other form was written unencrypted and is returned unchanged.
"""

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from messaging.keyring import KEY_ID_BYTES, ring

# AES-GCM, because Fernet is written in Python: it took a seventh of the processor time of a message.
_NONCE_BYTES = 12
# Begins bytes that a key of DATA_KEYS encrypted. Bytes of SECRET_KEY begin with their nonce.
_VERSION = b"\x01"
_COLUMN = re.compile(r"~[tn](?P<key_id>[\w-]{6})(?P<rest>[\w-]{22,})", re.ASCII)
_TEXT, _NUMBER = "~t", "~n"
# Purposes of encrypted bytes.
MESSAGE = "message text"
RESPONSE = "response"
STAFF_FACTOR = "staff factor"
FILE_KEY = "file key"


class Unreadable(Exception):
    """The value was changed, or was encrypted for another purpose, or with a key that DATA_KEYS no longer has."""


def is_on() -> bool:
    """Whether new values are written encrypted: not while DATA_KEYS begins with `plain`."""
    return ring().is_on


# Bytes: texts of messages, stored responses, secrets of operators, keys of files.


def encrypt(text: str, *, about: str = MESSAGE) -> bytes:
    """Encrypt a text under the newest key of DATA_KEYS, for the purpose `about`.

    While DATA_KEYS begins with `plain`, encrypt it under SECRET_KEY, as releases without DATA_KEYS do.
    """
    if is_on():
        return _encrypt_bytes(text.encode(), about)
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _box(settings.SECRET_KEY).encrypt(nonce, text.encode(), None)


def decrypt(encrypted: bytes | memoryview, *, about: str = MESSAGE) -> str:
    """The text that `encrypt` was given. Raises Unreadable if no key of DATA_KEYS and no SECRET_KEY decrypts it."""
    return _content(bytes(encrypted), about).decode()


def encrypted_again(encrypted: bytes | memoryview, *, about: str) -> bytes:
    """Decrypt bytes that `encrypt` or `wrap_key` made; return their content encrypted under the newest key.

    Raises Unreadable if no key of DATA_KEYS and no SECRET_KEY decrypts them.
    """
    return _encrypt_bytes(_content(bytes(encrypted), about), about)


def wrap_key(file_key: bytes) -> bytes:
    """Encrypt the key of a file under the newest key of DATA_KEYS, even while DATA_KEYS begins with `plain`."""
    return _encrypt_bytes(file_key, FILE_KEY)


def unwrap_key(wrapped: bytes | memoryview) -> bytes:
    """The file's key that `wrap_key` was given. Raises Unreadable if no key of DATA_KEYS decrypts it."""
    return _decrypt_bytes(bytes(wrapped), FILE_KEY)


# Columns of text.


def encrypt_text(text: str, *, about: str) -> str:
    """The text as a column stores it. An empty text stays empty. `about` names the purpose, like "contact name".

    While DATA_KEYS begins with `plain`, the text is stored unencrypted. A text that looks like an encrypted one is
    encrypted even then, because `decrypt_text` would try to decrypt it.
    """
    if not text or not (is_on() or _COLUMN.fullmatch(text)):
        return text
    key, nonce = ring().newest, os.urandom(_NONCE_BYTES)
    return _TEXT + _encoded(key.id) + _encoded(nonce + key.box(about).encrypt(nonce, text.encode(), None))


def decrypt_text(stored: str, *, about: str) -> str:
    """The text that `encrypt_text` was given; a text that was stored unencrypted is returned unchanged.

    Raises Unreadable if no key of DATA_KEYS decrypts it, or if it was encrypted for another purpose than `about`.
    """
    found = _COLUMN.fullmatch(stored) if stored.startswith(_TEXT) else None
    if not found:
        return stored
    return _opened(_decoded(found["key_id"]), _decoded(found["rest"]), about).decode()


def encrypt_number(number: str) -> str:
    """The phone number or e-mail address as a column stores it. Under one key, equal numbers have equal stored values.

    While DATA_KEYS begins with `plain`, the number is stored unencrypted.
    """
    if not number or not (is_on() or _COLUMN.fullmatch(number)):
        return number
    return _stored_numbers(number)[0]


def decrypt_number(stored: str) -> str:
    """The phone number or e-mail address that `encrypt_number` was given, or that was stored unencrypted.

    Raises Unreadable if no key of DATA_KEYS decrypts it.
    """
    found = _COLUMN.fullmatch(stored) if stored.startswith(_NUMBER) else None
    if not found:
        return stored
    for key in ring().named(_decoded(found["key_id"])):
        try:
            return key.numbers.decrypt(_decoded(found["rest"]), None).decode()
        except (InvalidTag, ValueError):
            continue
    raise Unreadable


def stored_forms(number: str) -> list[str]:
    """All values with which a column may store this number: one for each key of DATA_KEYS, and the number unencrypted.

    The value that `encrypt_number` writes now comes first.
    """
    encrypted = _stored_numbers(number) if number else []
    return [*encrypted, number] if is_on() else [number, *encrypted]


def is_current(stored: str | bytes | memoryview) -> bool:
    """Whether a value is encrypted under the newest key, or is an empty text: a change of keys leaves it unchanged."""
    key_id = ring().newest.id
    if isinstance(stored, str):
        return not stored or (bool(_COLUMN.fullmatch(stored)) and stored[2:8] == _encoded(key_id))
    return bytes(stored[: 1 + KEY_ID_BYTES]) == _VERSION + key_id


def _stored_numbers(number: str) -> list[str]:
    return [_NUMBER + _encoded(key.id) + _encoded(key.numbers.encrypt(number.encode(), None)) for key in ring().keys]


def _content(encrypted: bytes, about: str) -> bytes:
    try:
        return _decrypt_bytes(encrypted, about)
    except Unreadable:
        return _decrypt_under_secret_key(encrypted)


def _encrypt_bytes(content: bytes, about: str) -> bytes:
    key, nonce = ring().newest, os.urandom(_NONCE_BYTES)
    return _VERSION + key.id + nonce + key.box(about).encrypt(nonce, content, None)


def _decrypt_bytes(encrypted: bytes, about: str) -> bytes:
    if not encrypted.startswith(_VERSION):
        raise Unreadable
    return _opened(encrypted[1 : 1 + KEY_ID_BYTES], encrypted[1 + KEY_ID_BYTES :], about)


def _opened(key_id: bytes, encrypted: bytes, about: str) -> bytes:
    nonce, content = encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:]
    for key in ring().named(key_id):
        try:
            return key.box(about).decrypt(nonce, content, None)
        except (InvalidTag, ValueError):  # ValueError: shorter than any encrypted value.
            continue
    raise Unreadable


def _decrypt_under_secret_key(encrypted: bytes) -> bytes:
    """Decrypt a text that `encrypt` wrote while DATA_KEYS began with `plain`, or a release without DATA_KEYS wrote.

    Tries SECRET_KEY and SECRET_KEY_FALLBACKS. Raises Unreadable if none of them decrypts it.
    """
    nonce, encrypted_text = encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:]
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _box(secret).decrypt(nonce, encrypted_text, None)
        except (InvalidTag, ValueError):
            continue
    raise Unreadable


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(encoded: str) -> bytes:
    try:
        return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        raise Unreadable from None


@cache
def _box(secret: str) -> AESGCM:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"alertme message text, AES-GCM").derive(secret.encode())
    return AESGCM(key)
