"""Raising alerts, one or many at once: by a press, as a drill, or for timers that have run out.

A person has at most one open alert and one open drill; a constraint of the database decides when two presses race. The
number of statements does not grow with the number of alerts, but for silent alerts and operator alarms.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alerts.contacts import notifying, presses
from alerts.escalation import plan, policy
from alerts.models import (
    OPEN_TO_OWNER,
    AlertEvent,
    AlertKind,
    AlertMove,
    AlertStatus,
    Answer,
    AnswerKind,
    EventKind,
    Notification,
    SosAlert,
)
from alerts.owner import view
from alerts.positions import track
from alerts.positions.track import Position
from alerts.sos import silent, status
from alerts.timeline import journal
from identity.models import User
from messaging.models import MessageClass
from messaging.outbox import outgoing


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """The cause of an alert: a press, or a timer that has run out.

    `contact_ids` names the contacts that a timer asks for help. All contacts of the owner are asked if it is empty, or
    if each contact in it has been removed.
    """

    owner: User
    place: Position | None = None
    address: str = ""
    battery_pct: int | None = None
    kind: AlertKind = AlertKind.SOS
    contact_ids: Collection[UUID] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """The result for one cause: its alert, which is new or was open already.

    `before` is the kind that an open alert had before the cause joined it; None: the alert is new.
    """

    cause: Cause
    alert: SosAlert
    before: AlertKind | None

    @property
    def is_new(self) -> bool:
        return self.before is None


def raise_alerts(causes: Sequence[Cause], *, now: datetime, is_drill: bool = False) -> list[Raised]:
    """Raise an alert for each cause, queue its first SMS and write its plan. Returns one result per cause, in order.

    No two causes may have the same owner. An owner with an open alert gets no new one: the open alert takes a newer
    position or street address, and contacts who were asked are not asked again. If a timer raised the open alert, the
    cause asks its contacts who were not asked yet. An acknowledged alert gives way to a new one when more than
    `policy.AWAITED_FOR` has passed since a contact last said "on the way". A new alert that is no drill cancels its
    owner's open drill.

    Call inside a transaction: the messages leave after its commit.
    """
    raised = _raise_or_find_open(causes, now=now, is_drill=is_drill)
    _take_newer_positions([each for each in raised if not each.is_new], now=now)
    track.record_positions([(each.alert.id, each.cause.place) for each in raised if each.cause.place], now=now)
    journal.record_all(entry for each in raised if (entry := _entry(each, now=now)))
    told = notifying.request_help(
        _help_requests(raised), message_class=MessageClass.SAFETY if is_drill else MessageClass.EMERGENCY, now=now
    )
    if not is_drill:
        _drop_drills([each.cause.owner for each in raised if each.is_new], now=now)
        _plan(raised, told, now=now)
        presses.alarm_at_limit([each.alert for each in raised if each.is_new], now=now)
        silent.stand_beside([each.alert for each in raised if each.is_new], now=now)
    return raised


def repeat(cause: Cause, *, alert_id: UUID, is_drill: bool, now: datetime) -> SosAlert | None:
    """Return the alert for a press that is sent again with the same Idempotency-Key and a changed body. Nobody is told.

    If the owner has an open alert, return it with the newer position of `cause`. Otherwise return the alert `alert_id`,
    which the first press raised or joined, unchanged. With `is_drill` only drills count, without it only other alerts.
    None: the owner has no such alert. Call inside a transaction.
    """
    open_now = SosAlert.objects.filter(OPEN_TO_OWNER, owner=cause.owner, is_drill=is_drill)
    alert = open_now.select_for_update(no_key=True).first()
    if alert is None:
        return view.owned_by(cause.owner).filter(id=alert_id, is_drill=is_drill).first()
    alert.owner = cause.owner
    _take_newer_positions([Raised(cause=cause, alert=alert, before=AlertKind(alert.kind))], now=now)
    if cause.place:
        track.record_positions([(alert.id, cause.place)], now=now)
    return alert


def _raise_or_find_open(causes: Sequence[Cause], *, now: datetime, is_drill: bool) -> list[Raised]:
    wanted = {cause.owner.id: _alert(cause, now=now, is_drill=is_drill) for cause in causes}
    standing = _insert_or_find_open(wanted.values(), now=now, is_drill=is_drill)
    raised = []
    for cause in causes:
        alert = standing[cause.owner.id]
        alert.owner = cause.owner
        before = None if alert.id == wanted[cause.owner.id].id else AlertKind(alert.kind)
        raised.append(Raised(cause=cause, alert=alert, before=before))
    return raised


def _alert(cause: Cause, *, now: datetime, is_drill: bool) -> SosAlert:
    return SosAlert(
        owner=cause.owner,
        latitude=cause.place.latitude if cause.place else None,
        longitude=cause.place.longitude if cause.place else None,
        address=cause.address,
        battery_pct=cause.battery_pct,
        kind=cause.kind,
        is_drill=is_drill,
        raised_before=0 if is_drill else presses.raised_before(cause.owner.id, now=now),
        created_at=now,
        updated_at=now,
    )


def _insert_or_find_open(wanted: Iterable[SosAlert], *, now: datetime, is_drill: bool) -> dict[UUID, SosAlert]:
    """Insert the wanted alert of each owner who has no open one. Return each owner's open alert, locked, by owner id.

    Insert and lock in the order of owner ids, so that two transactions that raise several alerts never deadlock.

    ON CONFLICT DO NOTHING waits for a simultaneous press to commit and keeps its alert. Locking that alert waits for a
    simultaneous end. When the alert has ended by then, or gives way, the loop inserts the wanted alert again.
    """
    standing: dict[UUID, SosAlert] = {}
    missing = sorted(wanted, key=lambda alert: alert.owner_id)
    while missing:
        SosAlert.objects.bulk_create(missing, ignore_conflicts=True)
        owner_ids = [alert.owner_id for alert in missing]
        found = SosAlert.objects.filter(OPEN_TO_OWNER, owner_id__in=owner_ids, is_drill=is_drill).order_by("owner_id")
        alerts = list(found.select_for_update(no_key=True))
        gone = _give_way(alerts, now=now)
        standing |= {alert.owner_id: alert for alert in alerts if alert.id not in gone}
        missing = [alert for alert in missing if alert.owner_id not in standing]
    return standing


def _give_way(alerts: Sequence[SosAlert], *, now: datetime) -> set[UUID]:
    """Make each acknowledged alert exhausted whose last "on the way" is older than `policy.AWAITED_FOR`. The caller has
    locked the alerts.

    Returns the ids of the alerts that gave way. An alert that gives way has not ended: no contact gets an all-clear,
    contacts may still answer, and evidence may still be added.
    """
    acknowledged = {alert.id for alert in alerts if alert.status == AlertStatus.ACKNOWLEDGED}
    # Most presses find no acknowledged alert and save this statement.
    if not acknowledged:
        return set()
    coming = Answer.objects.filter(kind=AnswerKind.ACKNOWLEDGED, at__gt=now - policy.AWAITED_FOR)
    gone = acknowledged - set(coming.filter(alert__in=acknowledged).values_list("alert_id", flat=True))
    moved = status.move([alert for alert in alerts if alert.id in gone], AlertMove.GIVE_WAY, now=now)
    return {alert.id for alert in moved}


def _entry(raised: Raised, *, now: datetime) -> AlertEvent | None:
    is_press = raised.cause.kind == AlertKind.SOS
    if raised.is_new:
        by = journal.OWNER if is_press else journal.SYSTEM
        return journal.entry(raised.alert.id, EventKind.RAISED, by=by, now=now)
    if is_press:
        return journal.entry(raised.alert.id, EventKind.PRESSED_AGAIN, by=journal.OWNER, now=now)
    return None


def _take_newer_positions(joined: Sequence[Raised], *, now: datetime) -> None:
    """Store in each open alert the position, street address and battery charge of the cause that joined it. A press
    also turns a missed check-in into an SOS.

    The position is left out if the phone has sent a newer one. A position without a street address removes the old
    street address, which belongs to the old position.
    """
    last = track.last_of([each.alert.id for each in joined if each.cause.place and each.cause.place.at])
    for alert, cause in ((each.alert, each.cause) for each in joined):
        if cause.kind == AlertKind.SOS:
            alert.kind = AlertKind.SOS
        if cause.battery_pct is not None:
            alert.battery_pct = cause.battery_pct
        if (cause.place is None and not cause.address) or _is_outdated(cause.place, last.get(alert.id)):
            continue
        if cause.place is not None:
            alert.latitude, alert.longitude = cause.place.latitude, cause.place.longitude
        alert.address, alert.updated_at = cause.address, now
    SosAlert.objects.bulk_update(
        [each.alert for each in joined], ["kind", "latitude", "longitude", "address", "battery_pct", "updated_at"]
    )


def _is_outdated(place: Position | None, last: datetime | None) -> bool:
    """Whether `place`, the position of a press, is older than `last`, the time of the newest position of its alert: the
    press may have waited on the phone.
    """
    return place is not None and place.at is not None and last is not None and place.at < last


def _help_requests(raised: Sequence[Raised]) -> list[notifying.HelpRequest]:
    """The help requests: a new alert asks its contacts, an open alert that a timer raised asks the contacts of the
    cause who were not asked yet.
    """
    waiting = [each for each in raised if each.is_new or each.before == AlertKind.MISSED_CHECK_IN]
    asked = notifying.contacts_asked([each.alert.id for each in waiting if not each.is_new])
    return [
        notifying.HelpRequest(alert=each.alert, contact_ids=each.cause.contact_ids, without=asked[each.alert.id])
        for each in waiting
    ]


def _plan(raised: Sequence[Raised], told: Sequence[Notification], *, now: datetime) -> None:
    plan.write([each.alert for each in raised if each.is_new], told, now=now)
    plan.write_more([each.alert for each in raised if not each.is_new], told, now=now)


def _drop_drills(owners: Collection[User], *, now: datetime) -> None:
    """Cancel the open drills of owners who have raised a real alert, and the TEST messages that were not sent yet.

    No all-clear is sent: contacts should read no TEST beside an SOS.
    """
    open_drills = SosAlert.objects.filter(OPEN_TO_OWNER, owner__in=owners, is_drill=True)
    # Most presses find no drill and pay for one statement.
    if not open_drills.exists():
        return
    drills = list(open_drills.order_by("owner_id").select_for_update(no_key=True))
    status.move(drills, AlertMove.DROP_DRILL, now=now)
    messages = Notification.objects.filter(alert__in=drills).values_list("message_id", flat=True)
    outgoing.cancel(list(messages), now=now)
