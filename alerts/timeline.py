"""What happened in an alert, step by step: one row each, in the transaction of the step."""

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


def record(alert_id: UUID, kind: EventKind, *, by: str, now: datetime, **data: Any) -> None:
    """Add a step with what is to be known of it (JSON). Call inside the transaction of the step."""
    AlertEvent.objects.create(alert_id=alert_id, kind=kind, by=by, at=now, data=data)
