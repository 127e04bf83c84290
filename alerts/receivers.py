"""Connects this app's rooms to the signals of lower rooms and apps: a key pressed in a call and messages that did not
arrive (messaging), requests to move an alert (escalation), and PINs typed for something other than an alert
(identity/pins).
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.contacts import notifying
from alerts.escalation import answers, steps
from alerts.escalation import signals as escalation
from alerts.models import AlertMove, Notification, NotificationKind, SosAlert, Via
from alerts.sos import silent, status
from identity.pins import signals as pins
from messaging import signals
from messaging.database import clock


def connect() -> None:
    signals.digit_pressed.connect(_answered)
    signals.not_delivered.connect(_not_delivered)
    escalation.status_due.connect(_move)
    pins.pin_typed.connect(_pin_typed)


def _answered(message_id: int, **_: Any) -> None:
    call = Notification.objects.filter(message_id=message_id, kind=NotificationKind.CALL).first()
    if call is None:
        return
    with suppress(answers.AlertOver):
        answers.acknowledge(alert_id=call.alert_id, contact_id=call.contact_id, via=Via.CALL, now=clock.now())


def _not_delivered(message_ids: Collection[int], now: datetime, **_: Any) -> None:
    steps.hasten(message_ids, now=now)
    notifying.give_ranks_to_the_next(message_ids)


def _move(alerts: Sequence[SosAlert], how: AlertMove, now: datetime, **_: Any) -> list[SosAlert]:
    return status.move(alerts, how, now=now)


def _pin_typed(person_id: UUID, is_duress: bool, settles: bool, now: datetime, **_: Any) -> None:
    silent.warn(person_id, is_duress=is_duress, now=now)
    if settles:
        silent.settle(person_id, now=now)
