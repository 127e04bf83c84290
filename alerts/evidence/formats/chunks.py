"""Readers of formats that consist of named chunks: WAV and WebP (RIFF), CAF, PNG, and the metadata of FLAC."""

from collections.abc import Iterator

from alerts.evidence.formats.reading import Media, NotMedia, Source, Truncated, at
from alerts.models import EvidenceKind

# Chunks of WAV and CAF, and blocks of FLAC's metadata: recorders write about ten.
_MOST_CHUNKS = 1_000
_END_OF_PNG = b"\0\0\0\0IEND\xaeB`\x82"
_PNG = Media(EvidenceKind.PHOTO, "image/png", "png")
# The lengths that a recorder writes first. One that was stopped does not replace them with the real length.
_OPEN_LENGTHS = (0, 0xFFFFFFFF)


def riff(file: Source, size: int) -> Media:
    head = at(file, 0, 12, end=size)
    length = int.from_bytes(head[4:8], "little")
    if length not in _OPEN_LENGTHS and length + 8 > size:
        raise Truncated
    if head[8:] == b"WEBP" and length not in _OPEN_LENGTHS:
        return Media(EvidenceKind.PHOTO, "image/webp", "webp")
    if head[8:] != b"WAVE":
        raise NotMedia
    names = {name for name, _ in _chunks(file, 12, size, "little")}
    if not {b"fmt ", b"data"} <= names:
        raise NotMedia
    return Media(EvidenceKind.AUDIO, "audio/wav", "wav")


def _chunks(file: Source, start: int, size: int, order: str) -> Iterator[tuple[bytes, int]]:
    """Yield the name of each RIFF chunk, and the byte at which its content begins. Raises Truncated if a chunk ends
    after the file.
    """
    for _ in range(_MOST_CHUNKS):
        if size - start < 8:
            return
        head = at(file, start, 8, end=size)
        name, length = head[:4], int.from_bytes(head[4:], "little")
        yield name, start + 8
        if name == b"data" and length in _OPEN_LENGTHS:
            return
        if start + 8 + length > size:
            raise Truncated
        start += 8 + length + length % 2
    raise NotMedia


def caf(file: Source, size: int) -> Media:
    """Apple's Core Audio Format. A data chunk that was not finished has the length -1."""
    start, names = 8, set()
    for _ in range(_MOST_CHUNKS):
        if start == size:
            break
        head = at(file, start, 12, end=size)
        length = int.from_bytes(head[4:], "big", signed=True)
        names.add(head[:4])
        if head[:4] == b"data" and length == -1:
            break
        if length < 0:
            raise NotMedia
        if start + 12 + length > size:
            raise Truncated
        start += 12 + length
    if not {b"desc", b"data"} <= names:
        raise NotMedia
    return Media(EvidenceKind.AUDIO, "audio/x-caf", "caf")


def png(file: Source, size: int) -> Media:
    """Check the chunks of a PNG up to IEND, its last one. After ENOUGH_READS reads only the file's end is checked."""
    start, is_first = 8, True
    while not file.is_enough:
        head = at(file, start, 8, end=size)
        if is_first != (head[4:] == b"IHDR"):
            raise NotMedia
        start, is_first = start + 12 + int.from_bytes(head[:4], "big"), False
        if start > size:
            raise Truncated
        if head[4:] == b"IEND":
            return _PNG
    if at(file, size - len(_END_OF_PNG), len(_END_OF_PNG), end=size) != _END_OF_PNG:
        raise Truncated
    return _PNG


def flac(file: Source, size: int) -> Media:
    start = 4
    for _ in range(_MOST_CHUNKS):
        head = at(file, start, 4, end=size)
        start += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:  # The last block of metadata.
            break
    if at(file, start, 2, end=size) not in (b"\xff\xf8", b"\xff\xf9"):
        raise NotMedia
    return Media(EvidenceKind.AUDIO, "audio/flac", "flac")
