"""The keys under which data is encrypted at rest (DATA_KEYS): the first one encrypts, all of them decrypt."""

from collections.abc import Iterator, Sequence
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# As the first entry of DATA_KEYS: processes write as releases without DATA_KEYS do, and read what any key encrypted.
PLAIN = "plain"
KEY_ID_BYTES = 4


class Key:
    """One secret of DATA_KEYS. From it a separate cipher key is derived for each purpose, like "contact name".

    A value that was encrypted for one purpose cannot be decrypted for another.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._boxes: dict[str, AESGCM] = {}
        # Stands in every encrypted value, so that its key is found at once.
        self.id = self._derive("key id", length=KEY_ID_BYTES)
        # Deterministic (RFC 5297): the same number is always encrypted to the same value.
        self.numbers = AESSIV(self._derive("phone number, AES-SIV", length=64))

    def box(self, about: str) -> AESGCM:
        """The AES-GCM cipher of the purpose `about`."""
        if about not in self._boxes:
            self._boxes[about] = AESGCM(self._derive(f"{about}, AES-GCM", length=32))
        return self._boxes[about]

    def _derive(self, purpose: str, *, length: int) -> bytes:
        info = f"alertme data: {purpose}".encode()
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self._secret)


class KeyRing:
    def __init__(self, entries: Sequence[str]) -> None:
        self.keys = [Key(entry) for entry in entries if entry != PLAIN]
        # Whether columns are written encrypted.
        self.is_on = entries[0] != PLAIN

    @property
    def newest(self) -> Key:
        """The first key of DATA_KEYS: it encrypts new values.

        While `plain` stands before it, it still wraps the keys of files, but columns are written in plain (`is_on`).
        """
        return self.keys[0]

    def named(self, key_id: bytes) -> Iterator[Key]:
        """The keys with this id: none or one, and two only by a chance of one in four billion."""
        return (key for key in self.keys if key.id == key_id)


def ring() -> KeyRing:
    """The keys of DATA_KEYS."""
    return _ring(tuple(settings.DATA_KEYS))


@cache
def _ring(entries: tuple[str, ...]) -> KeyRing:
    return KeyRing(entries)
