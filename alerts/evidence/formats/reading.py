"""Shared by the formats: the recognised type, the two errors, and reading a few bytes at a position."""

from dataclasses import dataclass
from typing import BinaryIO

from alerts.models import EvidenceKind


class NotMedia(Exception):
    """The bytes do not fit the format that their beginning names, or are of a format that we do not know."""


class Truncated(Exception):
    """By its format the file should have more bytes than it has."""


@dataclass(frozen=True, slots=True)
class Media:
    kind: EvidenceKind
    media_type: str
    extension: str


def at(file: BinaryIO, position: int, count: int, *, end: int) -> bytes:
    """`count` bytes from `position` on. Raises Truncated when the file ends before them."""
    if position + count > end:
        raise Truncated
    file.seek(position)
    return file.read(count)
