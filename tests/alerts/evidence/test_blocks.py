"""Blocks of encrypted files: read alone, and not changed, moved, left out or borrowed from another file."""

import os
from io import BytesIO
from itertools import pairwise
from uuid import uuid4

import pytest

from alerts.evidence import blocks
from alerts.evidence.blocks import BLOCK, STORED_BLOCK, Cipher, Damaged, Decrypted, stored_size

# Sizes at the edges of blocks.
SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 16 * BLOCK, 16 * BLOCK + 1, 3 * BLOCK + 77)


@pytest.fixture
def cipher() -> Cipher:
    return Cipher(uuid4(), blocks.new_key())


def stored_by(cipher: Cipher, content: bytes) -> bytes:
    stored = b"".join(blocks.encrypted(BytesIO(content), cipher, size=len(content)))
    assert len(stored) == stored_size(len(content))
    return stored


def read_all(cipher: Cipher, stored: bytes, *, size: int) -> bytes:
    return Decrypted(BytesIO(stored), cipher, size=size).read(size + 1)


@pytest.mark.parametrize("size", SIZES)
def test_every_range_is_read_alone(cipher: Cipher, size: int) -> None:
    content = os.urandom(size)
    stored = stored_by(cipher, content)
    assert read_all(cipher, stored, size=size) == content
    edges = sorted(
        {0, 1, size // 2, size - 1, size, *range(0, size, BLOCK), *range(1, size, BLOCK)} & {*range(size + 1)}
    )
    for start, end in [*pairwise(edges), (0, size), (max(0, size - 5), size)]:
        file = Decrypted(BytesIO(stored), cipher, size=size)
        file.seek(start)
        assert file.read(end - start) == content[start:end]


def test_a_range_reads_only_its_blocks(cipher: Cipher) -> None:
    class Counting(BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.taken += size or 0
            return super().read(size)

    content = os.urandom(100 * BLOCK)
    stored = Counting(stored_by(cipher, content))
    file = Decrypted(stored, cipher, size=len(content))
    file.seek(50 * BLOCK + 5)
    assert file.read(10) == content[50 * BLOCK + 5 : 50 * BLOCK + 15]
    assert stored.taken == STORED_BLOCK
    # The rest of a block that was read is not read again.
    assert file.read(BLOCK) == content[50 * BLOCK + 15 : 51 * BLOCK + 15]
    assert stored.taken == 2 * STORED_BLOCK


def test_a_storage_that_gives_few_bytes_at_a_time(cipher: Cipher) -> None:
    class Dripping(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1_000))

    content = os.urandom(3 * BLOCK + 77)
    file = Decrypted(Dripping(stored_by(cipher, content)), cipher, size=len(content))
    assert file.read(len(content)) == content
    assert b"".join(blocks.encrypted(Dripping(content), cipher, size=len(content)))
    with pytest.raises(Damaged):
        list(blocks.encrypted(BytesIO(content[:-1]), cipher, size=len(content)))


@pytest.mark.parametrize("size", [BLOCK, 3 * BLOCK, 3 * BLOCK + 77])
def test_blocks_are_not_changed_moved_left_out_or_borrowed(cipher: Cipher, size: int) -> None:
    content = os.urandom(size)
    stored = stored_by(cipher, content)
    one, rest = stored[:STORED_BLOCK], stored[STORED_BLOCK:]
    for place in (0, 11, 12, STORED_BLOCK - 1, len(stored) - 1):
        with pytest.raises(Damaged):
            read_all(cipher, stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :], size=size)
    wrong = [(stored[:-1], size), (b"", size)]
    if rest:
        wrong += [(rest + one, size), (one, size), (one, BLOCK), (rest, size - BLOCK), (rest, size)]
    for damaged, as_size in wrong:
        with pytest.raises(Damaged):
            read_all(cipher, damaged, size=as_size)
    # A block of another file, and one of a file with the same key under another id.
    key = blocks.new_key()
    own, other = Cipher(uuid4(), key), Cipher(uuid4(), key)
    with pytest.raises(Damaged):
        read_all(other, stored_by(own, content), size=size)
    # An end that has not come yet is no end.
    begun = own.encrypt(content[:100], 0, blocks.Follows.ITS_REST)
    with pytest.raises(Damaged):
        read_all(own, begun, size=100)


def test_a_block_that_is_written_again_has_another_nonce(cipher: Cipher) -> None:
    written = {cipher.encrypt(b"x" * 100, 7, blocks.Follows.MORE)[:12] for _ in range(1_000)}
    assert len(written) == 1_000
