"""The duress PIN: the alert goes on, its contacts are warned, and the owner's devices show an ended alert."""

from copy import copy
from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerts.contacts import notifying, untold
from alerts.escalation import answers, steps
from alerts.models import CALLING, ENDED, AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from alerts.sos import closing
from alerts.timeline import journal
from identity.models import User
from messaging import history
from messaging.models import Message


def feign_end(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime) -> SosAlert:
    """Put the alert under duress and return it: the alert goes on, while the owner's devices show the end `to`.

    Contacts who were asked for help are warned; contacts who are not told of duress get the all-clear. An alert that
    has ended stays ended, as in `closing.close`. Raises the errors of `closing.close`. Call inside a transaction.
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
    _go_on(_keep(alert, to=to, states=states, now=now), owner, now=now)
    return alert


def end_for_real(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime) -> SosAlert:
    """End the alert and return it. Before that, do the work of `feign_end` too, and roll it back.

    Both PINs then take about the same time and leave a snapshot to be read: response times do not tell which PIN it
    was. Raises the errors of `closing.close`. Call inside a transaction.
    """
    alert = _locked(alert_id)
    if alert.status in ENDED:
        return closing.close(alert_id=alert_id, owner=owner, to=to, now=now)
    messages, before = _called(alert), copy(alert)
    with transaction.atomic():
        _go_on(_keep(alert, to=to, states=_states(messages), now=now), owner, now=now)
        transaction.set_rollback(True)
    last = history.last_move(messages)
    closed = closing.close(alert_id=alert_id, owner=owner, to=to, now=now)
    closed.feigned_end = _keep(before, to=to, states=_states(messages), now=now, last=last)
    return closed


def _locked(alert_id: UUID) -> SosAlert:
    return SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)


def _called(alert: SosAlert) -> list[int]:
    """Lock the alert's messages that ask for help, until the transaction ends, and return their ids.

    Each move of such a message is then either before the (real or pretended) end or after it.
    """
    called = Notification.objects.filter(alert=alert, kind__in=CALLING).values("message_id")
    messages = Message.objects.filter(id__in=called).order_by("id").select_for_update(no_key=True)
    return list(messages.values_list("id", flat=True))


def _states(message_ids: list[int]) -> dict[str, str]:
    states = Message.objects.filter(id__in=message_ids).values_list("id", "state")
    return {str(message_id): state for message_id, state in states}


def _keep(
    alert: SosAlert, *, to: AlertStatus, states: dict[str, str], now: datetime, last: int | None = None
) -> FeignedEnd:
    """Store and return the snapshot: the alert's position, and `states`, the state of each message after the end.

    `last`: the id of the last move of these messages before the end; None: look it up, because the end has not moved
    them (or its moves were rolled back).
    """
    return FeignedEnd.objects.create(
        alert=alert,
        status=to,
        at=now,
        latitude=alert.latitude,
        longitude=alert.longitude,
        address=alert.address,
        states=states,
        last_event_id=history.last_move([int(message_id) for message_id in states]) if last is None else last,
        untold=untold.of_person(alert),
    )


def _go_on(end: FeignedEnd, owner: User, *, now: datetime) -> None:
    alert = end.alert
    alert.duress_at = now
    alert.save(update_fields=["duress_at"])
    journal.record(alert.id, EventKind.DURESS, by=journal.OWNER, now=now, shown_as=end.status)
    _end_for_untold(end, owner, now=now)
    notifying.warn_of_duress(alert, owner, now=now)
    answers.go_on_under_duress(alert, now=now)


def _end_for_untold(end: FeignedEnd, owner: User, *, now: datetime) -> None:
    """End the alert for the contacts who are not told of duress: stop their steps and send them the all-clear."""
    for contact_id in end.untold:
        steps.stop(end.alert, contact_id=contact_id, now=now)
    if end.untold:
        notifying.send_all_clear(untold.as_ended(end.alert, end), owner, only_to=end.untold, now=now)
