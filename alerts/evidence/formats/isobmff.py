"""Reader of MP4, M4A, 3GP, QuickTime and HEIF: boxes, each with a length and a type (ISO/IEC 14496-12)."""

from collections.abc import Iterator

from alerts.evidence.formats.reading import Media, NotMedia, Source, Truncated, at
from alerts.models import EvidenceKind

_PICTURES = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
# The way to a track's handler: each box stands in the one before it.
_WAY = (b"moov", b"trak", b"mdia", b"hdlr")


def recognise(file: Source, size: int) -> Media:
    brand = at(file, 8, 4, end=size)
    found: set[bytes] = set()
    handlers: set[bytes] = set()
    for kind, start, end in _boxes(file, 0, size):
        # A recording in thousands of fragments begins with its index, and plays without its last ones.
        if file.is_enough and b"moov" in found:
            break
        found.add(kind)
        if kind == b"moov":
            handlers.update(_handlers(file, start, end))
    if brand in _PICTURES and b"meta" in found:
        return Media(EvidenceKind.PHOTO, _PICTURES[brand], _PICTURES[brand].removeprefix("image/"))
    # A recorder writes the index last. A recording without one was cut off, and no player plays it.
    if b"moov" not in found or not found & {b"mdat", b"moof"}:
        raise Truncated
    return _recording(brand, handlers)


def _recording(brand: bytes, handlers: set[bytes]) -> Media:
    subtype, extension = ("3gpp", "3gp") if brand.startswith(b"3g") else ("mp4", "mp4")
    if b"vide" in handlers:
        if brand == b"qt  ":
            return Media(EvidenceKind.VIDEO, "video/quicktime", "mov")
        return Media(EvidenceKind.VIDEO, f"video/{subtype}", extension)
    if b"soun" in handlers:
        return Media(EvidenceKind.AUDIO, f"audio/{subtype}", "m4a" if subtype == "mp4" else "3gp")
    raise NotMedia


def _boxes(file: Source, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box: its type, the byte at which its content begins, and the byte after its end. Raises NotMedia or
    Truncated. The contents are not read.
    """
    while start != end:
        head = at(file, start, 8, end=end)
        size, content = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, content = int.from_bytes(at(file, content, 8, end=end), "big"), start + 16
        elif size == 0:
            size = end - start
        if size < content - start:
            raise NotMedia
        if start + size > end:
            raise Truncated
        yield head[4:], content, start + size
        start += size


def _handlers(file: Source, start: int, end: int, *, depth: int = 1) -> Iterator[bytes]:
    """Yield the handler of each track: `vide`, `soun` or another. `depth` is the index in _WAY of the boxes to look
    into.
    """
    for kind, content, box_end in _boxes(file, start, end):
        if kind != _WAY[depth]:
            continue
        if kind == b"hdlr":
            yield at(file, content + 8, 4, end=box_end)
        else:
            yield from _handlers(file, content, box_end, depth=depth + 1)
