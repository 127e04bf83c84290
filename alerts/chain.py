"""An alert's timeline as a chain: each entry carries a hash of itself and of everything before it.

A client that keeps the last hash it saw finds out whether anything before it was changed, taken out or put in. The rows
themselves are append-only: the database refuses to update them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from alerts import owner_view
from alerts.models import AlertEvent, SosAlert

START = "0" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """`hash`: SHA-256 of the hash before it (of the first: 64 zeros), a line break, and the entry as `canonical`."""

    seq: int
    at: datetime
    kind: str
    by: str
    data: dict[str, Any]
    hash: str


def shown_to_owner(alert: SosAlert) -> list[Entry]:
    """The timeline as the owner's devices are told it, in order."""
    return chained(owner_view.steps_of(alert))


def chained(events: Iterable[AlertEvent]) -> list[Entry]:
    entries: list[Entry] = []
    before = START
    for seq, event in enumerate(events, start=1):
        text = canonical(seq=seq, at=event.at, kind=event.kind, by=event.by, data=event.data)
        before = sha256(f"{before}\n{text}".encode()).hexdigest()
        entries.append(Entry(seq=seq, at=event.at, kind=event.kind, by=event.by, data=event.data, hash=before))
    return entries


def canonical(*, seq: int, at: datetime, kind: str, by: str, data: dict[str, Any]) -> str:
    """JSON with sorted keys and without spaces; the time in UTC with six decimals and `Z`."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    entry = {"seq": seq, "at": moment, "kind": kind, "by": by, "data": data}
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
