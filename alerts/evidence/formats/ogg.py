"""Ogg (RFC 3533): pages, each of which begins with the lengths of its content."""

from collections.abc import Iterator
from typing import BinaryIO

from alerts.evidence.formats.reading import Media, NotMedia, at
from alerts.models import EvidenceKind

_AUDIO = (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")
_VIDEO = (b"\x80theora",)
_BEGINS = 2


def recognise(file: BinaryIO, size: int) -> Media:
    beginnings = list(_beginnings(file, size))
    if any(beginning.startswith(_VIDEO) for beginning in beginnings):
        return Media(EvidenceKind.VIDEO, "video/ogg", "ogv")
    if any(beginning.startswith(_AUDIO) for beginning in beginnings):
        return Media(EvidenceKind.AUDIO, "audio/ogg", "ogg")
    raise NotMedia


def _beginnings(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The first bytes of each stream. Raises Truncated unless every page is whole."""
    position = 0
    while position < size:
        head = at(file, position, 27, end=size)
        if head[:4] != b"OggS":
            raise NotMedia
        lengths = at(file, position + 27, head[26], end=size)
        content = position + 27 + head[26]
        if sum(lengths):
            at(file, content + sum(lengths) - 1, 1, end=size)
        if head[5] & _BEGINS:
            yield at(file, content, min(8, sum(lengths)), end=size)
        position = content + sum(lengths)
