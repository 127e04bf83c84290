"""Shared by the formats: Media (a recognised type), the errors NotMedia and Truncated, and Source (a file read a few
bytes at a time).

All reads of a file count against one budget (MOST_READS, MOST_BYTES), so a crafted file costs no more than that.
"""

from dataclasses import dataclass

from alerts.evidence.blocks import Readable
from alerts.models import EvidenceKind

# A reader that has read this often looks only at the end of the file. AMR reaches it after 2 minutes, fragments of one
# second after 25 minutes.
ENOUGH_READS = 3_000
# A reader that goes on is stopped here: about 15 ms of processor, and 65 ms in an encrypted file.
MOST_READS = 8_000
# Bytes: more than the largest photo, which is the only thing that is searched from beginning to end.
MOST_BYTES = 256 * 1024 * 1024


class NotMedia(Exception):
    """The bytes do not fit the format that their beginning names, are of a format that we do not know, or took too many
    reads.
    """


class Truncated(Exception):
    """By its format the file should have more bytes than it has."""


@dataclass(frozen=True, slots=True)
class Media:
    kind: EvidenceKind
    media_type: str
    extension: str


class Source:
    """An open file that counts its reads and the bytes that were asked for."""

    __slots__ = ("_bytes", "_file", "_reads")

    def __init__(self, file: Readable) -> None:
        self._file, self._reads, self._bytes = file, 0, 0

    def read_at(self, position: int, count: int) -> bytes:
        """Up to `count` bytes from `position` on. Raises NotMedia when the budget is used up."""
        self._reads += 1
        self._bytes += count
        if self._reads > MOST_READS or self._bytes > MOST_BYTES:
            raise NotMedia
        self._file.seek(position)
        return self._file.read(count)

    @property
    def is_enough(self) -> bool:
        """Whether ENOUGH_READS reads were made. A reader then checks only the end of the file."""
        return self._reads >= ENOUGH_READS


def at(file: Source, position: int, count: int, *, end: int) -> bytes:
    """`count` bytes from `position` on. Raises Truncated when the file ends before them."""
    if position + count > end:
        raise Truncated
    return file.read_at(position, count)
