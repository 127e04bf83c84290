"""Reader of Ogg (RFC 3533): pages, each of which begins with the lengths of its content."""

from collections.abc import Iterator

from alerts.evidence.formats.reading import Media, NotMedia, Source, Truncated, at
from alerts.models import EvidenceKind

_AUDIO = (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")
_VIDEO = (b"\x80theora",)
_BEGINS = 2
_HEAD = 27
# A page is at most this long.
_LONGEST_PAGE = _HEAD + 255 + 255 * 255
# Places at the end of the file where a page may begin: more are no accident.
_MOST_PLACES = 50


def recognise(file: Source, size: int) -> Media:
    beginnings = list(_beginnings(file, size))
    if any(beginning.startswith(_VIDEO) for beginning in beginnings):
        return Media(EvidenceKind.VIDEO, "video/ogg", "ogv")
    if any(beginning.startswith(_AUDIO) for beginning in beginnings):
        return Media(EvidenceKind.AUDIO, "audio/ogg", "ogg")
    raise NotMedia


def _beginnings(file: Source, size: int) -> Iterator[bytes]:
    """Yield the first bytes of each stream. Raises NotMedia, or Truncated if a page is not whole.

    After ENOUGH_READS reads only the file's last page is checked.
    """
    position = 0
    while position < size:
        if file.is_enough:
            _check_last_page(file, size)
            return
        head = at(file, position, _HEAD, end=size)
        if head[:4] != b"OggS":
            raise NotMedia
        lengths = at(file, position + _HEAD, head[26], end=size)
        content = position + _HEAD + head[26]
        if sum(lengths):
            at(file, content + sum(lengths) - 1, 1, end=size)
        if head[5] & _BEGINS:
            yield at(file, content, min(8, sum(lengths)), end=size)
        position = content + sum(lengths)


def _check_last_page(file: Source, size: int) -> None:
    """Raise Truncated unless a page ends where the file does."""
    start = max(0, size - _LONGEST_PAGE)
    tail = at(file, start, size - start, end=size)
    place = len(tail)
    for _ in range(_MOST_PLACES):
        place = tail.rfind(b"OggS", 0, place)
        if place < 0:
            break
        if _page_end(tail, place) == len(tail):
            return
    raise Truncated


def _page_end(tail: bytes, place: int) -> int:
    head = tail[place : place + _HEAD]
    if len(head) < _HEAD:
        return 0
    content = place + _HEAD + head[26]
    return content + sum(tail[place + _HEAD : content])
