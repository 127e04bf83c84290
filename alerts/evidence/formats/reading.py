"""What the formats share: what a file turned out to be, what is wrong with it, and reading that never reads much."""

from dataclasses import dataclass
from typing import BinaryIO

from alerts.models import EvidenceKind


class NotMedia(Exception):
    """The bytes are not what their beginning claims, or nothing we know."""


class Truncated(Exception):
    """The format says that there is more than the file has."""


@dataclass(frozen=True, slots=True)
class Media:
    kind: EvidenceKind
    media_type: str
    extension: str


def at(file: BinaryIO, position: int, count: int, *, end: int) -> bytes:
    """So many bytes from there; Truncated when the file ends before."""
    if position + count > end:
        raise Truncated
    file.seek(position)
    return file.read(count)
