"""Reader of WebM and Matroska: elements, each with an id, a length and a content (RFC 8794, RFC 9559)."""

from collections.abc import Iterator

from alerts.evidence.formats.reading import Media, NotMedia, Source, Truncated, at
from alerts.models import EvidenceKind

_HEADER, _DOC_TYPE, _SEGMENT, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x4282, 0x18538067, 0x1654AE6B, 0x1F43B675
_TRACK_ENTRY, _TRACK_TYPE = 0xAE, 0x83
_VIDEO, _AUDIO = 1, 2
_MOST_ELEMENTS = 1_000

# An element's id, the first byte of its content, and the content's end. A live recording does not know the end: None.
Element = tuple[int, int, int | None]


def recognise(file: Source, size: int) -> Media:
    (_, content, header_end) = _element(file, 0, size)
    if header_end is None:
        raise NotMedia
    doc_type = b""
    for kind, start, end in _elements(file, content, header_end):
        if kind == _DOC_TYPE and end and end - start < 20:
            doc_type = at(file, start, end - start, end=size).rstrip(b"\0")
    kind, content, segment_end = _element(file, header_end, size)
    if kind != _SEGMENT or doc_type not in (b"webm", b"matroska"):
        raise NotMedia
    return _named(doc_type, _tracks(file, content, segment_end or size))


def _tracks(file: Source, start: int, end: int) -> set[int]:
    types: set[int] = set()
    for kind, content, element_end in _elements(file, start, end):
        if kind == _CLUSTER:
            return types
        if kind == _TRACKS and element_end:
            types = set(_types(file, content, element_end, inside=_TRACKS))
    raise Truncated  # The file holds no recorded sound or picture.


def _types(file: Source, start: int, end: int, *, inside: int) -> Iterator[int]:
    """Yield the type number of each track. Track entries stand only in the element Tracks, so the recursion is two
    deep.
    """
    for kind, content, element_end in _elements(file, start, end):
        if inside == _TRACKS and kind == _TRACK_ENTRY and element_end:
            yield from _types(file, content, element_end, inside=_TRACK_ENTRY)
        elif inside == _TRACK_ENTRY and kind == _TRACK_TYPE:
            yield at(file, content, 1, end=end)[0]


def _named(doc_type: bytes, types: set[int]) -> Media:
    subtype, extension = ("webm", "webm") if doc_type == b"webm" else ("x-matroska", "mkv")
    if _VIDEO in types:
        return Media(EvidenceKind.VIDEO, f"video/{subtype}", extension)
    if _AUDIO in types:
        return Media(EvidenceKind.AUDIO, f"audio/{subtype}", extension)
    raise NotMedia


def _elements(file: Source, start: int, end: int) -> Iterator[Element]:
    for _ in range(_MOST_ELEMENTS):
        if start == end:
            return
        element = _element(file, start, end)
        yield element
        if element[2] is None:
            raise NotMedia  # Only a cluster or the segment may have an unknown length.
        start = element[2]
    raise NotMedia


def _element(file: Source, start: int, end: int) -> Element:
    width = _width(at(file, start, 1, end=end)[0])
    kind = int.from_bytes(at(file, start, width, end=end), "big")
    start += width
    first = at(file, start, 1, end=end)[0]
    width = _width(first)
    size = int.from_bytes(at(file, start, width, end=end), "big") & ((1 << 7 * width) - 1)
    content = start + width
    if size == (1 << 7 * width) - 1:
        return kind, content, None
    if content + size > end:
        raise Truncated
    return kind, content, content + size


def _width(first: int) -> int:
    """The bytes of an EBML number: one more than the zero bits with which its first byte begins. Raises NotMedia for
    byte 0.
    """
    if not first:
        raise NotMedia
    return 9 - first.bit_length()
