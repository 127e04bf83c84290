"""Recognises the type of a file by its content, and whether the file is whole. Nothing is decoded or decompressed:
the readers add up the lengths that the file states, and read few of its bytes.

No library does this: filetype, hachoir and mutagen do not notice that a file was cut off, and take sound in an MP4 for
a film or do not know WebM (tried with tests/alerts/evidence/files.py), and the libraries that notice are C code that
decodes hostile input inside the web process.

Senders of each format:
- Android (MediaRecorder and camera): 3GP and AMR; MP4 and M4A with AAC; AAC in ADTS; WebM; Ogg with Opus; JPEG, HEIC
- iOS: M4A, CAF; QuickTime, MP4; HEIC, JPEG
- browsers: WebM, Ogg, MP4; PNG, WebP, AVIF
- recorders and other apps: WAV, MP3, FLAC, AAC in ADTS; Matroska
"""

from collections.abc import Callable

import structlog

from alerts.evidence.blocks import Readable
from alerts.evidence.formats import chunks, ebml, frames, isobmff, jpeg, ogg
from alerts.evidence.formats.reading import Media, NotMedia, Source, Truncated
from alerts.models import EvidenceKind
from identity.errors import Inconsistent, Unsupported

log = structlog.get_logger(__name__)

# First byte of the signature, the signature, and the reader of the format.
_SIGNATURES: tuple[tuple[int, bytes, Callable[[Source, int], Media]], ...] = (
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
    """The content is of a type that is not taken, or of another kind than the client said."""

    code = "type_refused"
    detail = "By its content the file is not of the kind it was sent as, or of a type that is not taken."


class FileTruncated(Inconsistent):
    code = "file_truncated"
    detail = "The file is incomplete: its end is missing. Send it again, whole."


def recognise(file: Readable, *, size: int, kind: EvidenceKind) -> Media:
    """The kind, media type and extension of an open file, by its content.

    Raises TypeRefused unless the content is of `kind`, FileTruncated if the file's end is missing, and OSError if it
    cannot be read.
    """
    try:
        media = _read(Source(file), size)
    except Truncated:
        raise FileTruncated from None
    except NotMedia:
        raise TypeRefused from None
    except OSError:
        raise
    except Exception as error:
        # A reader met bytes that nobody thought of: a file never costs more than its own refusal.
        log.exception("evidence_reader_failed", kind=kind)
        raise TypeRefused from error
    if media.kind != kind:
        raise TypeRefused
    return media


def _read(file: Source, size: int) -> Media:
    head = file.read_at(0, 16)
    for start, signature, read in _SIGNATURES:
        if head[start : start + len(signature)] == signature:
            return read(file, size)
    raise NotMedia
