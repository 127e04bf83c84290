"""What happened in an alert, step by step: one row each, in the transaction of the step."""

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
    """`by` of what a contact did."""
    return f"{CONTACT}{contact_id}"


def entry(alert_id: UUID, kind: EventKind, *, by: str, now: datetime, **data: Any) -> AlertEvent:
    """A step with what is to be known of it (JSON), for `record_all`."""
    return AlertEvent(alert_id=alert_id, kind=kind, by=by, at=now, data=data)


def record(alert_id: UUID, kind: EventKind, *, by: str, now: datetime, **data: Any) -> None:
    """Add a step with what is to be known of it (JSON). Call inside the transaction of the step."""
    record_all([entry(alert_id, kind, by=by, now=now, **data)])


def record_all(entries: Iterable[AlertEvent]) -> None:
    """Add steps of any alerts, by one statement, in this order. Call inside the transaction of the steps."""
    AlertEvent.objects.bulk_create(entries)
