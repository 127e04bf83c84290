"""What a file is, by its content, and whether it is whole. A folder of our own and no library, for three reasons:

libraries that name a type read its first bytes only, and cannot tell a sound recording from a film in the same
container, nor a whole file from a broken one; those that can are C code that decodes hostile input inside the web
process. Here nothing is decoded or decompressed: lengths are added up, and little is read.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from alerts.evidence.formats import chunks, ebml, frames, isobmff, jpeg, ogg
from alerts.evidence.formats.reading import Media, NotMedia, Truncated
from alerts.models import EvidenceKind
from identity.errors import Inconsistent, Unsupported

# By where in the file its signature stands.
_SIGNATURES: tuple[tuple[int, bytes, Callable[[BinaryIO, int], Media]], ...] = (
    (4, b"ftyp", isobmff.recognise),
    (0, b"\x1aE\xdf\xa3", ebml.recognise),
    (0, b"OggS", ogg.recognise),
    (0, b"RIFF", chunks.riff),
    (0, b"caff", chunks.caf),
    (0, b"fLaC", chunks.flac),
    (0, b"\x89PNG\r\n\x1a\n", chunks.png),
    (0, b"\xff\xd8\xff", jpeg.recognise),
    (0, b"#!AMR", frames.amr),
    (0, b"ID3", frames.mpeg),
    *((0, bytes((0xFF, second)), frames.mpeg) for second in (0xF1, 0xF9, 0xF0, 0xF8, 0xFB, 0xFA, 0xF3, 0xF2, 0xE3)),
)


class TypeRefused(Unsupported):
    """The content is of a type that is not taken, or of another kind than declared."""

    code = "type_refused"
    detail = "By its content the file is not of the kind it was sent as, or of a type that is not taken."


class FileTruncated(Inconsistent):
    code = "file_truncated"
    detail = "The file is incomplete: its end is missing. Send it again, whole."


def recognise(path: Path, *, kind: EvidenceKind) -> Media:
    """What the file is. Raises TypeRefused unless it is of this kind, FileTruncated when it is not whole."""
    with path.open("rb") as file:
        try:
            media = _read(file, path.stat().st_size)
        except Truncated:
            raise FileTruncated from None
        except NotMedia:
            raise TypeRefused from None
    if media.kind != kind:
        raise TypeRefused
    return media


def _read(file: BinaryIO, size: int) -> Media:
    head = file.read(16)
    for start, signature, read in _SIGNATURES:
        if head[start : start + len(signature)] == signature:
            return read(file, size)
    raise NotMedia
