"""Reader of JPEG (ITU-T T.81): segments, then the picture, then an end marker."""

from alerts.evidence.formats.reading import Media, NotMedia, Source, Truncated, at
from alerts.models import EvidenceKind

_MOST_SEGMENTS = 1_000
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA
_END = b"\xff\xd9"
_CHUNK = 256 * 1024


def recognise(file: Source, size: int) -> Media:
    start, has_frame = 2, False
    for _ in range(_MOST_SEGMENTS):
        marker, kind = at(file, start, 2, end=size)
        if marker != 0xFF:
            raise NotMedia
        if kind == 0xFF:  # Padding.
            start += 1
            continue
        has_frame |= kind in _FRAMES
        start += 2 + int.from_bytes(at(file, start + 2, 2, end=size), "big")
        if kind == _SCAN and has_frame:
            _find_end(file, start)
            return Media(EvidenceKind.PHOTO, "image/jpeg", "jpg")
    raise NotMedia


def _find_end(file: Source, start: int) -> None:
    """Raise Truncated unless the marker _END comes at or after `start`. The file may go on after it: phones append
    more, like a moving picture or the maker's data.
    """
    last = b""
    while chunk := file.read_at(start, _CHUNK):
        if _END in chunk or last + chunk[:1] == _END:
            return
        start, last = start + len(chunk), chunk[-1:]
    raise Truncated
