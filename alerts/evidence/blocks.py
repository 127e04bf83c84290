"""Encrypted files: each block of 16 KiB is encrypted by itself, so that a range is read without the rest of the file.

A file has a random key. The row of the file (Upload, then Evidence) holds that key, itself encrypted
(messaging/encryption.py). A stored block is its nonce, the encrypted bytes and the tag of AES-GCM. The tag also covers
the file's id, the block's number and whether more follows: a block that was changed, moved, left out, or taken from
another file is damaged, and so is a file that was cut short. Nonces are random. A nonce derived from the block's number
would repeat when a block is written again after a crash, and two texts under one nonce reveal both.
"""

import os
from collections.abc import Iterator
from enum import IntEnum
from io import BytesIO
from struct import Struct
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from messaging import encryption

BLOCK = 16 * 1024
_NONCE, _TAG = 12, 16
STORED_BLOCK = _NONCE + BLOCK + _TAG
_ABOUT = Struct(">16sQB")
# Encrypted at a time: enough that few calls are made, and little memory.
_PORTION = 16 * BLOCK


class Damaged(OSError):
    """A block of the file was changed or moved, or the file is too short. An OSError, so readers treat it as a failure
    of the storage.
    """


class KeyGone(OSError):
    """The key that wrapped the file's key is no longer in DATA_KEYS."""


class Readable(Protocol):
    """An open file, with the three methods that readers of evidence use."""

    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Follows(IntEnum):
    """Says what follows a block in its file: another block, nothing, or the rest of this block, which has not arrived
    yet.
    """

    MORE = 0
    NOTHING = 1
    ITS_REST = 2


def new_key() -> bytes:
    """A new random key for a file, wrapped (encrypted) under the first key of DATA_KEYS. Empty while DATA_KEYS begins
    with `plain`: then the file is stored unencrypted.
    """
    return encryption.wrap_key(AESGCM.generate_key(256)) if encryption.is_on() else b""


def stored_size(size: int) -> int:
    """The bytes that a file of `size` bytes takes when it is encrypted: each block adds a nonce and a tag."""
    return size + max(1, -(-size // BLOCK)) * (_NONCE + _TAG)


class Cipher:
    """Encrypts and decrypts the blocks of one file. Creating one raises KeyGone if DATA_KEYS cannot unwrap the file's
    key.
    """

    def __init__(self, file_id: UUID, wrapped_key: bytes | memoryview) -> None:
        self._file = file_id.bytes
        try:
            self._box = AESGCM(encryption.unwrap_key(wrapped_key))
        except encryption.Unreadable:
            raise KeyGone("the key of the file is gone") from None

    def encrypt(self, block: bytes, number: int, follows: Follows) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._box.encrypt(nonce, block, _ABOUT.pack(self._file, number, follows))

    def decrypt(self, stored: bytes | memoryview, number: int, follows: Follows) -> bytes:
        about = _ABOUT.pack(self._file, number, follows)
        try:
            return self._box.decrypt(bytes(stored[:_NONCE]), bytes(stored[_NONCE:]), about)
        except (InvalidTag, ValueError):  # ValueError: shorter than any block.
            raise Damaged(f"block {number} of the file is damaged") from None

    def encrypted(self, content: bytes, *, first: int, is_end: bool) -> bytes:
        """Encrypt `content`, which begins with block number `first`; return the stored blocks.

        `content` must be whole blocks. With `is_end`, its last block is the file's last one and may be shorter.
        """
        starts = range(0, len(content), BLOCK) or [0]
        return b"".join(
            self.encrypt(
                content[start : start + BLOCK],
                first + start // BLOCK,
                Follows.NOTHING if is_end and start + BLOCK >= len(content) else Follows.MORE,
            )
            for start in starts
        )


class Decrypted:
    """The plain bytes of an encrypted file, read like those of an open file. Reads and decrypts only the blocks that
    hold the bytes asked for. `read` raises Damaged.
    """

    def __init__(self, stored: Readable, cipher: Cipher, *, size: int) -> None:
        self._stored, self._cipher, self._size = stored, cipher, size
        self._last = max(0, -(-size // BLOCK) - 1)
        self._offset = 0
        # The block at which the stored file stands: one request of a bucket gets bytes that are read in order.
        self._next: int | None = None
        self._kept = -1, b""

    def seek(self, offset: int, /) -> int:
        self._offset = offset
        return offset

    def read(self, size: int, /) -> bytes:
        end = min(self._offset + size, self._size)
        if end <= self._offset:
            return b""
        first, last = self._offset // BLOCK, (end - 1) // BLOCK
        content = b"".join(self._blocks(first, last))
        start, self._offset = self._offset - first * BLOCK, end
        return content[start : start + end - first * BLOCK - start]

    def close(self) -> None:
        self._stored.close()

    def _blocks(self, first: int, last: int) -> Iterator[bytes]:
        number, block = self._kept
        if number == first:
            yield block
            first += 1
        if first > last:
            return
        if self._next != first:
            self._stored.seek(first * STORED_BLOCK)
        wanted = min((last + 1) * STORED_BLOCK, stored_size(self._size)) - first * STORED_BLOCK
        stored = memoryview(_whole(self._stored, wanted))
        for number in range(first, last + 1):
            start = (number - first) * STORED_BLOCK
            follows = Follows.NOTHING if number == self._last else Follows.MORE
            block = self._cipher.decrypt(stored[start : start + STORED_BLOCK], number, follows)
            yield block
        self._next, self._kept = last + 1, (last, block)


def encrypted(plain: Readable, cipher: Cipher, *, size: int) -> Iterator[bytes]:
    """Yield an open plain file of `size` bytes in its encrypted form, piece by piece. Raises Damaged if the plain file
    is shorter.
    """
    for start in range(0, size, _PORTION) or [0]:
        content = _whole(plain, min(_PORTION, size - start))
        yield cipher.encrypted(content, first=start // BLOCK, is_end=start + _PORTION >= size)


def _whole(file: Readable, size: int) -> bytes:
    """Read exactly `size` bytes, with several reads if needed: one read from a bucket may give fewer. Raises Damaged if
    the file ends before them.
    """
    got = file.read(size)
    if len(got) == size:
        return got
    pieces = BytesIO()
    pieces.write(got)
    while got and pieces.tell() < size:
        got = file.read(size - pieces.tell())
        pieces.write(got)
    if pieces.tell() < size:
        raise Damaged("the file is shorter than it was")
    return pieces.getvalue()
