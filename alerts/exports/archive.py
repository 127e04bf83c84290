"""Writes and reads ZIP archives in one fixed form: the files alone decide each byte of the archive. So a byte that was
changed or added anywhere is found.

Python's `zipfile` does not promise its bytes: they differ from those of earlier exports and between versions of Python
(python/cpython#103861), so an old export would no longer verify (test_an_export_of_an_earlier_release_is_intact).
`zipfile` also believes a directory that states a false number of files (test_what_would_blow_up). Therefore the
structures that an export needs are written here (PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5). Files are stored
uncompressed: media does not shrink, and a small archive cannot unpack into huge files.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO
from zlib import crc32

# The most that a reader accepts: more than any alert has, and little enough to hold in memory.
MAX_FILES = 50_000
_MAX_DIRECTORY = 16 * 1024 * 1024
_READ = 256 * 1024

_LOCAL = Struct("<4sHHHHHIIIHH")
_LOCAL_SIZES = Struct("<HHQQ")
_DESCRIPTOR, _LARGE_DESCRIPTOR = Struct("<4sIII"), Struct("<4sIQQ")
_CENTRAL = Struct("<4sHHHHHHIIIHHHHHII")
_CENTRAL_SIZES = Struct("<HHQQQ")
_LARGE_END = Struct("<4sQHHIIQQQQ")
_LARGE_END_LOCATOR = Struct("<4sIQI")
_END = Struct("<4sHHHHIIH")

_VERSION = 45  # The first that knows ZIP64.
_FLAGS = 0x0808  # Names are in UTF-8. Sizes follow the content, which is written while it is read.
_DATE = 0x21  # 1980-01-01 for every file: the files themselves say when something happened.
_UNIX = 3 << 8
_MODE = 0o100644 << 16
_LARGE = 0xFFFFFFFF


class Damaged(Exception):
    """The file is not an archive that this module wrote, or was changed or cut short; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to be written.

    `size_at_most` bounds the bytes of `chunks`. If it is _LARGE or more, the file's header, which is written before its
    content, has the form for large files (ZIP64).
    """

    name: str
    chunks: Iterable[bytes]
    size_at_most: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in an archive.

    `begins_at` is the byte at which the file's content begins, as the archive's directory says.
    """

    name: str
    size: int
    begins_at: int


def write(files: Iterable[File]) -> Generator[bytes]:
    """Yield the archive's bytes, piece by piece. Each file is read to its end before the next file is taken.

    Raises ValueError if a file reaches _LARGE bytes and its `size_at_most` does not.
    """
    directory: list[bytes] = []
    offset = 0
    for file in files:
        name, is_large = file.name.encode(), file.size_at_most >= _LARGE
        yield (head := _local(name, is_large))
        size = crc = 0
        for chunk in file.chunks:
            size, crc = size + len(chunk), crc32(chunk, crc)
            yield chunk
        if size >= _LARGE and not is_large:
            raise ValueError("a file is larger than it was to be")
        yield (tail := _descriptor(crc, size, is_large))
        directory.append(_central(name, crc, size, offset, is_large=is_large or offset >= _LARGE))
        offset += len(head) + size + len(tail)
    yield from directory
    yield _end(count=len(directory), size=sum(map(len, directory)), offset=offset)


def _local(name: bytes, is_large: bool) -> bytes:
    sizes = _LOCAL_SIZES.pack(1, 16, 0, 0) if is_large else b""
    said = _LARGE if is_large else 0
    head = _LOCAL.pack(b"PK\3\4", _VERSION, _FLAGS, 0, 0, _DATE, 0, said, said, len(name), len(sizes))
    return head + name + sizes


def _descriptor(crc: int, size: int, is_large: bool) -> bytes:
    form = _LARGE_DESCRIPTOR if is_large else _DESCRIPTOR
    return form.pack(b"PK\7\x08", crc, size, size)


def _central(name: bytes, crc: int, size: int, offset: int, *, is_large: bool) -> bytes:
    more = _CENTRAL_SIZES.pack(1, 24, size, size, offset) if is_large else b""
    size, offset = (_LARGE, _LARGE) if is_large else (size, offset)
    versions = (_UNIX | _VERSION, _VERSION)
    lengths = (len(name), len(more), 0)
    return (
        _CENTRAL.pack(b"PK\1\2", *versions, _FLAGS, 0, 0, _DATE, crc, size, size, *lengths, 0, 0, _MODE, offset)
        + name
        + more
    )


def _end(*, count: int, size: int, offset: int) -> bytes:
    large = b""
    if count >= 0xFFFF or offset >= _LARGE:
        counts = (count, count, size, offset)
        large = _LARGE_END.pack(b"PK\6\6", _LARGE_END.size - 12, _UNIX | _VERSION, _VERSION, 0, 0, *counts)
        large += _LARGE_END_LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
        count, offset = min(count, 0xFFFF), min(offset, _LARGE)
    return large + _END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)


def read(file: BinaryIO) -> list[Stored]:
    """The files that the archive's directory lists.

    Raises Damaged, also for more than MAX_FILES files, and for files that are larger than the archive.
    """
    length = file.seek(0, 2)
    count, size, offset = _directory(file, length)
    if count > MAX_FILES or size > _MAX_DIRECTORY:
        raise Damaged("the archive lists more files than an export has")
    directory = bytes_at(file, offset, size)
    stored: list[Stored] = []
    end = 0
    for _ in range(count):
        entry, end = _listed(directory, end)
        stored.append(entry)
    # Overlapping files would be read again and again.
    if end != size or any(s.begins_at + s.size > offset for s in stored) or sum(s.size for s in stored) > offset:
        raise Damaged("the archive's directory does not fit its files")
    return stored


def _directory(file: BinaryIO, length: int) -> tuple[int, int, int]:
    """Find the archive's central directory, its table of contents, from the archive's end.

    Returns the number of files in it, its size in bytes, and the byte at which it begins. Raises Damaged.
    """
    if length < _END.size:
        raise Damaged("this is no whole ZIP archive: its end is missing")
    mark, _, _, _, count, size, offset, _ = _END.unpack(bytes_at(file, length - _END.size, _END.size))
    if mark != b"PK\5\6":
        raise Damaged("this is no whole ZIP archive: its end is missing")
    large_at = length - _END.size - _LARGE_END_LOCATOR.size - _LARGE_END.size
    if (count == 0xFFFF or offset == _LARGE) and large_at >= 0:
        *_, count, size, offset = _LARGE_END.unpack(bytes_at(file, large_at, _LARGE_END.size))
    if offset + size > length:
        raise Damaged("the archive's directory lies beyond its end")
    return count, size, offset


def _listed(directory: bytes, start: int) -> tuple[Stored, int]:
    """Return the file whose entry begins at byte `start` of the directory, and the byte at which the next entry begins.

    Raises Damaged if no entry begins there.
    """
    head = directory[start : start + _CENTRAL.size]
    if len(head) < _CENTRAL.size or head[:4] != b"PK\1\2":
        raise Damaged("the archive's directory is damaged")
    *_, size, name_length, more_length, _, _, _, _, offset = _CENTRAL.unpack(head)
    start += _CENTRAL.size
    name, start = directory[start : start + name_length], start + name_length
    more, start = directory[start : start + more_length], start + more_length
    extra = 0
    if len(more) == _CENTRAL_SIZES.size:
        *_, size, _, offset = _CENTRAL_SIZES.unpack(more)
        extra = _LOCAL_SIZES.size if size >= _LARGE else 0
    try:
        return Stored(name.decode(), size, offset + _LOCAL.size + name_length + extra), start
    except UnicodeDecodeError:
        raise Damaged("the archive's directory is damaged") from None


def content(file: BinaryIO, stored: Stored) -> Generator[bytes]:
    """Yield the content of this stored file, piece by piece."""
    start, end = stored.begins_at, stored.begins_at + stored.size
    while start < end and (chunk := bytes_at(file, start, min(_READ, end - start))):
        start += len(chunk)
        yield chunk


def bytes_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)
