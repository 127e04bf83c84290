"""Writes the entries of an alert's timeline: one row each, in the transaction of the event that it records."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.models import AlertEvent, EventKind

OWNER = "owner"
SYSTEM = "system"
OPERATOR = "operator"
CONTACT = "contact:"


def contact(contact_id: UUID) -> str:
    """The value of `by` for an entry about something that this contact did."""
    return f"{CONTACT}{contact_id}"


def entry(alert_id: UUID, kind: EventKind, *, by: str, now: datetime, **data: Any) -> AlertEvent:
    """A timeline entry that is not stored yet, for `record_all`; `data` are further facts that fit into JSON."""
    return AlertEvent(alert_id=alert_id, kind=kind, by=by, at=now, data=data)


def record(alert_id: UUID, kind: EventKind, *, by: str, now: datetime, **data: Any) -> None:
    """Store one timeline entry; `data` are further facts that fit into JSON.

    Call inside the transaction of the event.
    """
    record_all([entry(alert_id, kind, by=by, now=now, **data)])


def record_all(entries: Iterable[AlertEvent]) -> None:
    """Store timeline entries of any alerts, in this order, by one statement.

    Call inside the transaction of the events.
    """
    AlertEvent.objects.bulk_create(entries)
