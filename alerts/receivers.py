"""Receives messaging's signals: a key pressed in a call, and messages that were not delivered."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

from alerts.contacts import notifying
from alerts.escalation import answers, steps
from alerts.models import Notification, NotificationKind, Via
from messaging import signals
from messaging.database import clock


def connect() -> None:
    signals.digit_pressed.connect(_answered)
    signals.not_delivered.connect(_not_delivered)


def _answered(message_id: int, **_: Any) -> None:
    call = Notification.objects.filter(message_id=message_id, kind=NotificationKind.CALL).first()
    if call is None:
        return
    with suppress(answers.AlertOver):
        answers.acknowledge(alert_id=call.alert_id, contact_id=call.contact_id, via=Via.CALL, now=clock.now())


def _not_delivered(message_ids: Collection[int], now: datetime, **_: Any) -> None:
    steps.hasten(message_ids, now=now)
    notifying.give_ranks_to_the_next(message_ids)
