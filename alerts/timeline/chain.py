"""A timeline as a chain: each entry carries a hash of itself and of the entry before it.

A reader who keeps the last hash can tell later whether an earlier entry was changed, removed or inserted. This file
needs no Django, so that the verification of an export on another machine computes the same hashes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

START = "0" * 64


class Recorded(Protocol):
    """An event of an alert, whether it has its number in the chain already or not: a row (AlertEvent) or an Entry."""

    @property
    def at(self) -> datetime: ...
    @property
    def kind(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An event of an alert with its number in the chain, `seq`, and its hash.

    `hash`: SHA-256 of the previous entry's hash (64 zeros for the first entry), a line break, and the `canonical` form
    of all fields above. `move`: the id of the message's move that the entry reports; None: it reports no move.
    """

    seq: int
    at: datetime
    kind: str
    by: str
    data: dict[str, Any]
    hash: str
    move: int | None = None


def chained(recorded: Iterable[Recorded], *, seq: int = 0, before: str = START) -> list[Entry]:
    """Recorded events as entries of the chain that follow the entry with the number `seq` and the hash `before`."""
    entries: list[Entry] = []
    for number, each in enumerate(recorded, start=seq + 1):
        before = link(before, _fields(each, number))
        entries.append(Entry(seq=number, at=each.at, kind=each.kind, by=each.by, data=each.data, hash=before))
    return entries


def first_break(entries: Iterable[Entry]) -> int | None:
    """The number of the first entry that does not follow from the entry before it; None if every entry follows."""
    before = START
    for number, entry in enumerate(entries, start=1):
        before = link(before, _fields(entry, number))
        if (entry.seq, entry.hash) != (number, before):
            return number
    return None


def _fields(recorded: Recorded, seq: int) -> dict[str, Any]:
    return {"seq": seq, "at": moment(recorded.at), "kind": recorded.kind, "by": recorded.by, "data": recorded.data}


def head(entries: Sequence[Entry]) -> str:
    """The last entry's hash; 64 zeros without entries. A reader who keeps it can tell later whether any was changed."""
    return entries[-1].hash if entries else START


def link(before: str, fields: Mapping[str, Any]) -> str:
    """The hash of an entry with these fields that follows the entry with the hash `before`."""
    return sha256(f"{before}\n{canonical(fields)}".encode()).hexdigest()


def canonical(fields: Mapping[str, Any]) -> str:
    """The fields as JSON with sorted keys and without spaces."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def moment(at: datetime) -> str:
    """The time as text, in UTC with six decimals and `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
