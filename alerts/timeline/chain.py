"""A timeline as a chain: each entry carries a hash of itself and of everything before it.

Whoever keeps the last hash they saw finds out whether anything before it was changed, taken out or put in. Nothing of
Django here: what verifies an export on another machine computes the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

START = "0" * 64


class Step(Protocol):
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
    """`hash`: SHA-256 of the hash before it (of the first: 64 zeros), a line break, and what stands above, `canonical`;
    `move`: the id of the message's move that the entry tells of."""

    seq: int
    at: datetime
    kind: str
    by: str
    data: dict[str, Any]
    hash: str
    move: int | None = None


def chained(steps: Iterable[Step], *, seq: int = 0, before: str = START) -> list[Entry]:
    """Steps as the entries that follow the one with this number and hash."""
    entries: list[Entry] = []
    for place, step in enumerate(steps, start=seq + 1):
        before = link(before, _said(step, place))
        entries.append(Entry(seq=place, at=step.at, kind=step.kind, by=step.by, data=step.data, hash=before))
    return entries


def first_break(entries: Iterable[Entry]) -> int | None:
    """The place of the first entry that does not fit what came before it."""
    before = START
    for place, entry in enumerate(entries, start=1):
        before = link(before, _said(entry, place))
        if (entry.seq, entry.hash) != (place, before):
            return place
    return None


def _said(step: Step, seq: int) -> dict[str, Any]:
    return {"seq": seq, "at": moment(step.at), "kind": step.kind, "by": step.by, "data": step.data}


def head(entries: Sequence[Entry]) -> str:
    """The last hash: whoever keeps it can tell later whether anything before it is another."""
    return entries[-1].hash if entries else START


def link(before: str, said: Mapping[str, Any]) -> str:
    """The hash of an entry that says this, after the one with that hash."""
    return sha256(f"{before}\n{canonical(said)}".encode()).hexdigest()


def canonical(said: Mapping[str, Any]) -> str:
    """JSON with sorted keys and without spaces."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def moment(at: datetime) -> str:
    """UTC with six decimals and `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
