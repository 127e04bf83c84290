"""An alert's life: raised once, ended once. The database arbitrates every race."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from rest_framework.exceptions import APIException, NotFound

from alerts import escalation, fanout, positions, timeline
from alerts.models import OPEN_TO_OWNER, AlertKind, AlertStatus, EventKind, SosAlert
from identity.models import User
from messaging import outbox

# How an answer and the lack of one move an alert stands in alerts/answers.py and alerts/escalation.py.
_NOT_ENDED = {AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED, AlertStatus.EXHAUSTED}
REACHED_FROM = {
    AlertStatus.ACKNOWLEDGED: {AlertStatus.ACTIVE, AlertStatus.EXHAUSTED},
    AlertStatus.ACTIVE: {AlertStatus.ACKNOWLEDGED},
    AlertStatus.EXHAUSTED: {AlertStatus.ACTIVE},
    AlertStatus.RESOLVED: _NOT_ENDED,
    AlertStatus.CANCELLED: _NOT_ENDED,
}
_EVENT = {AlertStatus.RESOLVED: EventKind.RESOLVED, AlertStatus.CANCELLED: EventKind.CANCELLED}


class MoveRefused(APIException):
    """The alert has already ended in another way."""

    status_code = 409
    default_detail = "The alert has already ended in another way."
    default_code = "move_refused"


def raise_alert(
    *,
    owner: User,
    latitude: float | None,
    longitude: float | None,
    address: str,
    now: datetime,
    kind: AlertKind = AlertKind.SOS,
    contact_ids: Collection[UUID] = (),
    is_drill: bool = False,
) -> tuple[SosAlert, bool]:
    """Raise an alert and queue a message per contact; returns it and whether it is new.

    A person's open alert is answered with instead: it takes the newer position or address, and nobody is told
    twice. `contact_ids` are those a timer is to tell; empty, or when none of them is a contact any more: everybody.
    A press tells also those whom the timer that raised the open alert was not to tell.

    Call inside a transaction: what commits will be sent.
    """
    pressed = SosAlert(
        owner=owner,
        latitude=latitude,
        longitude=longitude,
        address=address,
        kind=kind,
        is_drill=is_drill,
        created_at=now,
        updated_at=now,
    )
    alert = _insert_or_find_open(pressed)
    positions.keep_place(pressed, of=alert, now=now)
    if alert.id != pressed.id:
        _take_newer_position(alert, pressed)
        _join(alert, owner, kind=kind, contact_ids=contact_ids, now=now)
        return alert, False
    by = timeline.OWNER if kind == AlertKind.SOS else timeline.SYSTEM
    timeline.record(alert.id, EventKind.RAISED, by=by, now=now)
    told = fanout.call_for_help(alert, owner, contact_ids=contact_ids, now=now)
    if not is_drill:
        _end_drill(owner, now=now)
        escalation.plan(alert, told, now=now)
    return alert, True


def _insert_or_find_open(pressed: SosAlert) -> SosAlert:
    # ON CONFLICT DO NOTHING waits for a simultaneous press to commit and then leaves its alert standing. Locking it
    # waits for a simultaneous end; an alert that ended in between is not open, and the press counts again.
    while True:
        SosAlert.objects.bulk_create([pressed], ignore_conflicts=True)
        found = SosAlert.objects.filter(OPEN_TO_OWNER, owner_id=pressed.owner_id, is_drill=pressed.is_drill)
        alert = found.select_for_update(no_key=True).first()
        if alert is not None:
            return alert


def _join(alert: SosAlert, owner: User, *, kind: AlertKind, contact_ids: Collection[UUID], now: datetime) -> None:
    """What raises an alert finds one open: whoever it would have told, and the open one did not, is told now."""
    before = alert.kind
    if kind == AlertKind.SOS:
        timeline.record(alert.id, EventKind.PRESSED_AGAIN, by=timeline.OWNER, now=now)
        SosAlert.objects.filter(id=alert.id).update(kind=kind)
        alert.kind = kind
    if before == AlertKind.MISSED_CHECK_IN:
        fanout.call_for_help(alert, owner, contact_ids=contact_ids, now=now, without=fanout.called(alert))


def _end_drill(owner: User, *, now: datetime) -> None:
    """A drill ends when its person presses in earnest, without a word: no TEST and no "it is over" beside an SOS."""
    open_drill = SosAlert.objects.filter(OPEN_TO_OWNER, owner=owner, is_drill=True)
    # Nearly always there is none: one statement then.
    if not open_drill.exists():
        return
    for drill in open_drill.select_for_update(no_key=True):
        drill.status, drill.updated_at, drill.ended_at = AlertStatus.CANCELLED, now, now
        drill.save(update_fields=["status", "updated_at", "ended_at"])
        timeline.record(drill.id, EventKind.GAVE_WAY, by=timeline.SYSTEM, now=now)
        outbox.cancel(list(drill.notifications.values_list("message_id", flat=True)), now=now)


def _take_newer_position(alert: SosAlert, pressed: SosAlert) -> None:
    """A position without an address takes the old one's address away: it was that of another place."""
    if pressed.latitude is None and not pressed.address:
        return
    if pressed.latitude is not None:
        alert.latitude, alert.longitude = pressed.latitude, pressed.longitude
    alert.address = pressed.address
    alert.updated_at = pressed.updated_at
    alert.save(update_fields=["latitude", "longitude", "address", "updated_at"])


def end(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime, by_system: bool = False) -> SosAlert:
    """Cancel or resolve the owner's alert, and give the all-clear to those who were or may have been told.

    Ending again in the same way changes nothing. Raises NotFound, also for another person's alert, and MoveRefused
    when it ended in another way. Call inside a transaction.
    """
    own = SosAlert.objects.filter(id=alert_id, owner=owner)
    # One conditional UPDATE: of two racing requests exactly one changes the row.
    ended = own.filter(status__in=REACHED_FROM[to]).update(status=to, updated_at=now, ended_at=now)
    alert = own.first()
    if alert is None:
        raise NotFound
    if ended:
        timeline.record(alert.id, _EVENT[to], by=timeline.SYSTEM if by_system else timeline.OWNER, now=now)
        escalation.stop(alert, now=now)
        fanout.call_off(alert, owner, now=now)
    elif alert.status != to:
        raise MoveRefused
    return alert
