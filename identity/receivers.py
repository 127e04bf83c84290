"""Connects signals of rooms: after the safe PIN, contacts and devices hidden under duress are really removed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from identity.contacts import kept
from identity.devices import credentials
from identity.pins import signals


def connect() -> None:
    signals.pin_typed.connect(_settle)


def _settle(person_id: UUID, settles: bool, now: datetime, **_: Any) -> None:
    if settles:
        kept.settle(person_id, now=now)
        credentials.settle(person_id)
