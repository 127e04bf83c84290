"""The duress PIN: the alert goes on, its contacts are warned, and the owner's devices show an ended alert."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerts.contacts import notifying
from alerts.models import CALLING, ENDED, AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from alerts.sos import closing
from alerts.timeline import journal
from identity.models import User
from messaging import history
from messaging.models import Message


def feign_end(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime) -> SosAlert:
    """Put the alert under duress and return it: the alert goes on, while the owner's devices show the end `to`.

    Raises the errors of `closing.close`. An alert that has ended stays ended. Call inside a transaction.
    """
    alert = _locked(alert_id)
    if alert.status in ENDED:
        return closing.close(alert_id=alert_id, owner=owner, to=to, now=now)
    messages = _called(alert)
    # End the alert in a savepoint, read what the end made of the messages, and roll back: the feigned end is then the
    # same as a real one.
    with transaction.atomic():
        closing.close(alert_id=alert_id, owner=owner, to=to, now=now)
        states = _states(messages)
        transaction.set_rollback(True)
    _go_on(alert, owner, to=to, states=states, now=now)
    return alert


def end_for_real(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime) -> SosAlert:
    """End the alert and return it. Before that, do the work of `feign_end` as well and roll it back.

    Thus the safe PIN and the duress PIN take the same time, and the time does not tell which of them was typed.
    """
    alert = _locked(alert_id)
    if alert.status not in ENDED:
        with transaction.atomic():
            _go_on(alert, owner, to=to, states=_states(_called(alert)), now=now)
            transaction.set_rollback(True)
    return closing.close(alert_id=alert_id, owner=owner, to=to, now=now)


def _locked(alert_id: UUID) -> SosAlert:
    return SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)


def _called(alert: SosAlert) -> list[int]:
    """Lock the messages that ask for help and return their ids.

    While they are locked, each of their moves is either before the end or after it.
    """
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
