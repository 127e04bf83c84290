"""The spool: a folder below MEDIA_ROOT in which the files of uploads lie until they are checked. A file is named by its
upload's id.

The file of an upload with a key is encrypted (blocks.py) and holds whole blocks. The beginning of the next block lies
encrypted in the upload's row until its rest arrives: so no byte that was acknowledged is ever written over, and a crash
in the middle of a write loses none. Several machines must share this folder (a volume), or all requests of one phone
must go to the same machine.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings
from django.core.files import File

from alerts.evidence.blocks import BLOCK, STORED_BLOCK, Cipher, Decrypted, Follows, Readable, stored_size
from alerts.models import Upload


def folder() -> Path:
    path = Path(settings.MEDIA_ROOT) / "arriving"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path(upload_id: UUID) -> Path:
    return folder() / str(upload_id)


class Spooling:
    """Writes the file of an upload from beginning to end; its size need not be known. Raises FileExistsError if the
    file exists already.
    """

    def __init__(self, upload: Upload) -> None:
        descriptor = os.open(path(upload.id), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")
        self._cipher = _cipher(upload)
        self._waiting = bytearray()
        self._written = 0

    def write(self, content: bytes) -> None:
        if self._cipher is None:
            self._file.write(content)
            return
        self._waiting += content
        # One block waits at least: nobody knows yet whether it is the last.
        whole = max(0, len(self._waiting) - 1) // BLOCK
        if whole:
            content = bytes(self._waiting[: whole * BLOCK])
            self._file.write(self._cipher.encrypted(content, first=self._written, is_end=False))
            del self._waiting[: whole * BLOCK]
            self._written += whole

    def finish(self) -> None:
        """Write the end of the file. A file that is not finished cannot be read."""
        if self._cipher is not None:
            self._file.write(self._cipher.encrypted(bytes(self._waiting), first=self._written, is_end=True))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def add(upload: Upload, content: bytes) -> None:
    """Write `content` to the spool at the upload's offset; change `upload.offset` and `upload.beginning`.

    The caller has locked the upload's row, and saves it. Raises OSError, also if `upload.beginning` cannot be
    decrypted.
    """
    cipher = _cipher(upload)
    if cipher is None:
        _write(upload.id, content, at=upload.offset)
        upload.offset += len(content)
        return
    first = upload.offset // BLOCK
    content = _beginning(upload, cipher) + content
    upload.offset = first * BLOCK + len(content)
    is_end = upload.offset == upload.length
    whole = len(content) if is_end else len(content) // BLOCK * BLOCK
    if whole or is_end:
        _write(upload.id, cipher.encrypted(content[:whole], first=first, is_end=is_end), at=first * STORED_BLOCK)
    rest = content[whole:]
    upload.beginning = cipher.encrypt(rest, first + whole // BLOCK, Follows.ITS_REST) if rest else b""


def beyond_block(upload: Upload, offset: int) -> int:
    """How many of the bytes before `offset` belong to an encryption block that is not complete yet.

    0 if the upload is not encrypted. The caller may hold these bytes back for its next piece: whole blocks are less
    work for the spool.
    """
    return offset % BLOCK if upload.file_key else 0


def trust(upload: Upload) -> None:
    """Lower `upload.offset` to the bytes that the spool's file holds. After a crash of the machine the file may be
    shorter than its row says. The caller saves the row.
    """
    there = _size(upload.id)
    if not upload.file_key:
        upload.offset = min(upload.offset, there)
        return
    blocks = there // STORED_BLOCK
    is_whole = upload.offset == upload.length and there >= stored_size(upload.length)
    if blocks < upload.offset // BLOCK or (upload.offset % BLOCK and not upload.beginning and not is_whole):
        upload.offset, upload.beginning = min(blocks, upload.offset // BLOCK) * BLOCK, b""


def opened(upload: Upload, *, size: int) -> Readable:
    """Open the file of an upload whose `size` bytes have all arrived; they are decrypted while read. Raises
    FileNotFoundError or KeyGone.
    """
    stored = path(upload.id).open("rb")
    try:
        cipher = _cipher(upload)
    except OSError:
        stored.close()
        raise
    return Decrypted(stored, cipher, size=size) if cipher else stored


def discard(upload_id: UUID) -> None:
    remove(path(upload_id))


def remove(file: Path) -> None:
    """Delete a file of the spool and its second name (SpooledFile), if they exist."""
    file.unlink(missing_ok=True)
    file.with_suffix(".moving").unlink(missing_ok=True)


class SpooledFile(File):  # type: ignore[type-arg]
    """A spooled file, to be given to a storage. A storage on the same disk moves `temporary_file_path` instead of
    copying.

    That path is a second name (hard link) of the file. The first name stays until the evidence has its row, so a crash
    before the row is written loses nothing.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file.open("rb"))
        self._second_name = file.with_suffix(".moving")
        self._second_name.unlink(missing_ok=True)
        self._second_name.hardlink_to(file)

    def temporary_file_path(self) -> str:
        return str(self._second_name)


def _cipher(upload: Upload) -> Cipher | None:
    return Cipher(upload.id, upload.file_key) if upload.file_key else None


def _beginning(upload: Upload, cipher: Cipher) -> bytes:
    if not upload.beginning:
        return b""
    return cipher.decrypt(upload.beginning, upload.offset // BLOCK, Follows.ITS_REST)


def _write(upload_id: UUID, content: bytes, *, at: int) -> None:
    descriptor = os.open(path(upload_id), os.O_CREAT | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.seek(at)
        file.write(content)


def _size(upload_id: UUID) -> int:
    """The number of bytes in the file; 0 if the file is lost."""
    with suppress(FileNotFoundError):
        return path(upload_id).stat().st_size
    return 0
