"""The duress PIN: the alert goes on, those who were called learn of it, the owner's devices hear that it ended."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerts.contacts import notifying
from alerts.models import CALLING, ENDED, AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from alerts.sos import status
from alerts.timeline import journal
from identity.models import User
from messaging import history
from messaging.models import Message


def feign_end(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime) -> SosAlert:
    """Answer as `lifecycle.end` would, while the alert goes on under duress. Call inside a transaction.

    Raises what `lifecycle.end` raises. An alert that has ended cannot go on.
    """
    alert = _locked(alert_id)
    if alert.status in ENDED:
        return status.end(alert_id=alert_id, owner=owner, to=to, now=now)
    messages = _called(alert)
    # What the real end makes of the messages, taken back at once: the pretended one cannot differ from it.
    with transaction.atomic():
        status.end(alert_id=alert_id, owner=owner, to=to, now=now)
        states = _states(messages)
        transaction.set_rollback(True)
    _go_on(alert, owner, to=to, states=states, now=now)
    return alert


def end_for_real(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime) -> SosAlert:
    """`lifecycle.end`, with all the work of `feign_end`: how long it takes must not tell which it was."""
    alert = _locked(alert_id)
    if alert.status not in ENDED:
        with transaction.atomic():
            _go_on(alert, owner, to=to, states=_states(_called(alert)), now=now)
            transaction.set_rollback(True)
    return status.end(alert_id=alert_id, owner=owner, to=to, now=now)


def _locked(alert_id: UUID) -> SosAlert:
    return SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)


def _called(alert: SosAlert) -> list[int]:
    """The messages that call for help, locked: each of their events is either before the end or after it."""
    called = Notification.objects.filter(alert=alert, kind__in=CALLING).values("message_id")
    messages = Message.objects.filter(id__in=called).order_by("id").select_for_update(no_key=True)
    return list(messages.values_list("id", flat=True))


def _states(message_ids: list[int]) -> dict[str, str]:
    states = Message.objects.filter(id__in=message_ids).values_list("id", "state")
    return {str(message_id): state for message_id, state in states}


def _go_on(alert: SosAlert, owner: User, *, to: AlertStatus, states: dict[str, str], now: datetime) -> None:
    FeignedEnd.objects.create(
        alert=alert,
        status=to,
        at=now,
        latitude=alert.latitude,
        longitude=alert.longitude,
        address=alert.address,
        states=states,
        last_event_id=history.last_move([int(message_id) for message_id in states]),
    )
    alert.duress_at = now
    alert.save(update_fields=["duress_at"])
    journal.record(alert.id, EventKind.DURESS, by=journal.OWNER, now=now, shown_as=to)
    notifying.warn_of_duress(alert, owner, now=now)
