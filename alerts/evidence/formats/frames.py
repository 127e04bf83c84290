"""Readers of audio that is one frame after another: AAC in ADTS, MP3 and AMR."""

from collections.abc import Callable
from dataclasses import dataclass

from alerts.evidence.formats.reading import Media, NotMedia, Source, Truncated, at
from alerts.models import EvidenceKind

# Four bits of a frame's first byte are its type. Each tuple gives the bytes of a frame by type; 0: no such type.
_AMR_PADDING = 0x83
_AMR_NB = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
_AMR_WB = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_MP3_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_MP3_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
# Fewer frames may match by chance.
_FEWEST_FRAMES = 3
# Tags that may follow the last frame of an MP3.
_TRAILERS = (b"TAG", b"APE")


def amr(file: Source, size: int) -> Media:
    """Read AMR or AMR-WB (RFC 4867, section 5). Raises NotMedia or Truncated."""
    magic, lengths = (b"#!AMR-WB\n", _AMR_WB) if at(file, 5, 1, end=size) == b"-" else (b"#!AMR\n", _AMR_NB)
    if at(file, 0, len(magic), end=size) != magic:
        raise NotMedia
    _walk(file, len(magic), size, _amr(lengths))
    return Media(EvidenceKind.AUDIO, "audio/amr" if lengths is _AMR_NB else "audio/amr-wb", "amr")


def mpeg(file: Source, size: int) -> Media:
    """Read MP3, or AAC in ADTS, after an ID3 tag or without one. Raises NotMedia or Truncated."""
    start = _after_tag(file, size)
    if at(file, start, 2, end=size)[1] & 0b110 == 0:
        _walk(file, start, size, _ADTS)
        return Media(EvidenceKind.AUDIO, "audio/aac", "aac")
    _walk(file, start, size, _MP3)
    return Media(EvidenceKind.AUDIO, "audio/mpeg", "mp3")


def _after_tag(file: Source, size: int) -> int:
    head = at(file, 0, 10, end=size)
    if not head.startswith(b"ID3"):
        return 0
    length = 0
    for byte in head[6:]:
        length = length << 7 | byte & 0x7F
    return 10 + length + (10 if head[5] & 0x10 else 0)


def _adts_length(head: bytes) -> int:
    if head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else 0


def _mp3_length(head: bytes) -> int:
    version, rate = head[1] >> 3 & 3, head[2] >> 2 & 3
    if head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or version not in _MP3_RATES or rate == 3:
        return 0
    kbits = (_MP3_KBITS_1 if version == 3 else _MP3_KBITS_2)[head[2] >> 4]
    samples = 144 if version == 3 else 72
    return samples * kbits * 1000 // _MP3_RATES[version][rate] + (head[2] >> 1 & 1) if kbits else 0


@dataclass(frozen=True, slots=True)
class _Frames:
    """The frames of one format. `length_of` gives a frame's length from its first `head_size` bytes, and 0 for bytes
    that begin no frame. `longest` is the most bytes of a frame.

    `wanted` whole frames must follow one another at the end of a file whose middle is not read.
    """

    head_size: int
    longest: int
    wanted: int
    length_of: Callable[[bytes], int]


def _amr(lengths: tuple[int, ...]) -> _Frames:
    return _Frames(1, max(lengths), 8, lambda head: 0 if head[0] & _AMR_PADDING else lengths[head[0] >> 3 & 15])


_ADTS = _Frames(6, 8_191, 3, _adts_length)
_MP3 = _Frames(4, 1_441, 3, _mp3_length)


def _walk(file: Source, start: int, size: int, frames: _Frames) -> None:
    """Check that the file is whole frames, one directly after another. Raises NotMedia or Truncated.

    After ENOUGH_READS frames only the end of the file is checked.
    """
    count = 0
    while start < size:
        if file.is_enough:
            _check_last_frames(file, size, frames)
            return
        head = file.read_at(start, frames.head_size)
        if count and head.startswith(_TRAILERS):
            return
        length = frames.length_of(head) if len(head) == frames.head_size else 0
        if not length:
            raise NotMedia if len(head) == frames.head_size or count < _FEWEST_FRAMES else Truncated
        start += length
        count += 1
    if count < _FEWEST_FRAMES:
        raise NotMedia
    if start > size:
        raise Truncated


def _check_last_frames(file: Source, size: int, frames: _Frames) -> None:
    """Raise Truncated unless `frames.wanted` whole frames follow one another up to the end of the file, or to a tag
    there.
    """
    end = _before_tags(file, size)
    start = max(0, end - frames.longest * frames.wanted)
    tail = at(file, start, end - start, end=size)
    is_synced = frames.head_size > 1  # Each frame begins with eight set bits.
    # For each place the number of whole frames from there to the end, from the last place to the first.
    chained = bytearray(len(tail) + 1)
    for place in range(len(tail) - frames.head_size, -1, -1):
        if is_synced and tail[place] != 0xFF:
            continue
        after = place + frames.length_of(tail[place : place + frames.head_size])
        if place < after <= len(tail) and (after == len(tail) or chained[after]):
            chained[place] = chained[after] + 1
            if chained[place] >= frames.wanted:
                return
    raise Truncated


def _before_tags(file: Source, size: int) -> int:
    """The byte after the last frame: the beginning of an APE tag or ID3v1 tag at the end of the file, else the file's
    end.
    """
    end = size - 128 if at(file, size - 128, 3, end=size) == b"TAG" else size
    footer = at(file, end - 32, 32, end=size)
    if not footer.startswith(b"APETAGEX"):
        return end
    has_header = footer[23] & 0x80
    return max(0, end - int.from_bytes(footer[12:16], "little") - (32 if has_header else 0))
