"""Raising alerts, one or many at once: by a press, as a drill, or for timers that have run out.

A person has one open alert, and the database arbitrates every race for it. The statements are as many for a hundred
people as for one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alerts.contacts import notifying
from alerts.escalation import plan, policy
from alerts.models import (
    OPEN_TO_OWNER,
    AlertEvent,
    AlertKind,
    AlertStatus,
    Answer,
    AnswerKind,
    EventKind,
    Notification,
    SosAlert,
)
from alerts.positions import track
from alerts.positions.track import Place
from alerts.timeline import journal
from identity.models import User
from messaging.models import MessageClass
from messaging.outbox import outgoing


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """What raises an alert: a press, or a timer that has run out.

    `contact_ids` are those a timer is to tell; empty, or when none of them is a contact any more: everybody.
    """

    owner: User
    place: Place | None = None
    address: str = ""
    kind: AlertKind = AlertKind.SOS
    contact_ids: Collection[UUID] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """`before`: the kind of the alert that was open already; None: the alert is new."""

    cause: Cause
    alert: SosAlert
    before: AlertKind | None

    @property
    def is_new(self) -> bool:
        return self.before is None


def raise_alerts(causes: Sequence[Cause], *, now: datetime, is_drill: bool = False) -> list[Raised]:
    """Raise an alert for each cause, each of another person, and queue a message per contact; in order.

    A person's open alert is answered with instead: it takes the newer position or address, and nobody is told twice.
    One that was acknowledged more than `policies.AWAITED_FOR` ago gives way.
    A press tells also those whom the timer that raised the open alert was not to tell.

    Call inside a transaction: what commits will be sent.
    """
    raised = _raise_or_find_open(causes, now=now, is_drill=is_drill)
    _take_newer_places([each for each in raised if not each.is_new], now=now)
    track.keep_places([(each.alert.id, each.cause.place) for each in raised if each.cause.place], now=now)
    journal.record_all(step for each in raised if (step := _step(each, now=now)))
    told = notifying.request_help(
        _help_requests(raised), message_class=MessageClass.SAFETY if is_drill else MessageClass.EMERGENCY, now=now
    )
    if not is_drill:
        _end_drills([each.cause.owner for each in raised if each.is_new], now=now)
        _plan(raised, told, now=now)
    return raised


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
        kind=cause.kind,
        is_drill=is_drill,
        created_at=now,
        updated_at=now,
    )


def _insert_or_find_open(wanted: Iterable[SosAlert], *, now: datetime, is_drill: bool) -> dict[UUID, SosAlert]:
    """By person. Inserted and locked in one order, so that whoever raises several waits for others and never deadlocks.

    ON CONFLICT DO NOTHING waits for a simultaneous press to commit and then leaves its alert standing. Locking it
    waits for a simultaneous end; an alert that ended in between is not open, and the press counts again. So it does
    when the alert gives way.
    """
    standing: dict[UUID, SosAlert] = {}
    missing = sorted(wanted, key=lambda alert: alert.owner_id)
    while missing:
        SosAlert.objects.bulk_create(missing, ignore_conflicts=True)
        owner_ids = [alert.owner_id for alert in missing]
        found = SosAlert.objects.filter(OPEN_TO_OWNER, owner_id__in=owner_ids, is_drill=is_drill).order_by("owner_id")
        alerts = list(found.select_for_update(no_key=True))
        gone = _let_go(alerts, now=now)
        standing |= {alert.owner_id: alert for alert in alerts if alert.id not in gone}
        missing = [alert for alert in missing if alert.owner_id not in standing]
    return standing


def _let_go(alerts: Sequence[SosAlert], *, now: datetime) -> set[UUID]:
    """Of these, locked, let those give way whose helpers have been on the way for too long; returns their ids.

    They are exhausted: nobody else will come for them, and they have not ended. Nobody is told that the person is
    safe, who came may still say so, and what they hold stays open.
    """
    acknowledged = {alert.id for alert in alerts if alert.status == AlertStatus.ACKNOWLEDGED}
    # Nearly always there is none: no statement then.
    if not acknowledged:
        return set()
    coming = Answer.objects.filter(kind=AnswerKind.ACKNOWLEDGED, at__gt=now - policy.AWAITED_FOR)
    gone = acknowledged - set(coming.filter(alert__in=acknowledged).values_list("alert_id", flat=True))
    SosAlert.objects.filter(id__in=gone).update(status=AlertStatus.EXHAUSTED, updated_at=now)
    _record_way_given(gone, now=now)
    return gone


def _record_way_given(alert_ids: Iterable[UUID], *, now: datetime) -> None:
    journal.record_all(journal.entry(each, EventKind.GAVE_WAY, by=journal.SYSTEM, now=now) for each in alert_ids)


def _step(raised: Raised, *, now: datetime) -> AlertEvent | None:
    is_press = raised.cause.kind == AlertKind.SOS
    if raised.is_new:
        by = journal.OWNER if is_press else journal.SYSTEM
        return journal.entry(raised.alert.id, EventKind.RAISED, by=by, now=now)
    if is_press:
        return journal.entry(raised.alert.id, EventKind.PRESSED_AGAIN, by=journal.OWNER, now=now)
    return None


def _take_newer_places(joined: Sequence[Raised], *, now: datetime) -> None:
    """An open alert moves to where its person was last, and a press makes an SOS of it.

    A position without an address takes the old one's address away: it was that of another place.
    """
    last = track.last_of([each.alert.id for each in joined if each.cause.place and each.cause.place.at])
    for alert, cause in ((each.alert, each.cause) for each in joined):
        if cause.kind == AlertKind.SOS:
            alert.kind = AlertKind.SOS
        if (cause.place is None and not cause.address) or _is_outdated(cause.place, last.get(alert.id)):
            continue
        if cause.place is not None:
            alert.latitude, alert.longitude = cause.place.latitude, cause.place.longitude
        alert.address, alert.updated_at = cause.address, now
    SosAlert.objects.bulk_update(
        [each.alert for each in joined], ["kind", "latitude", "longitude", "address", "updated_at"]
    )


def _is_outdated(place: Place | None, last: datetime | None) -> bool:
    """What a phone said before it fell silent is older than what it has said since the alert was raised."""
    return place is not None and place.at is not None and last is not None and place.at < last


def _help_requests(raised: Sequence[Raised]) -> list[notifying.HelpRequest]:
    """Whom to tell: of a new alert everyone it is for; of one that a timer raised those who have not been told."""
    waiting = [each for each in raised if each.is_new or each.before == AlertKind.MISSED_CHECK_IN]
    asked = notifying.contacts_asked([each.alert.id for each in waiting if not each.is_new])
    return [
        notifying.HelpRequest(alert=each.alert, contact_ids=each.cause.contact_ids, without=asked[each.alert.id])
        for each in waiting
    ]


def _plan(raised: Sequence[Raised], told: Sequence[Notification], *, now: datetime) -> None:
    plan.plan([each.alert for each in raised if each.is_new], told, now=now)
    plan.plan_more([each.alert for each in raised if not each.is_new], told, now=now)


def _end_drills(owners: Collection[User], *, now: datetime) -> None:
    """A drill ends when its person presses in earnest, without a word: no TEST and no "it is over" beside an SOS."""
    open_drills = SosAlert.objects.filter(OPEN_TO_OWNER, owner__in=owners, is_drill=True)
    # Nearly always there is none: one statement then.
    if not open_drills.exists():
        return
    drills = list(open_drills.order_by("owner_id").select_for_update(no_key=True))
    for drill in drills:
        drill.status, drill.updated_at, drill.ended_at = AlertStatus.CANCELLED, now, now
    SosAlert.objects.bulk_update(drills, ["status", "updated_at", "ended_at"])
    _record_way_given((drill.id for drill in drills), now=now)
    messages = Notification.objects.filter(alert__in=drills).values_list("message_id", flat=True)
    outgoing.cancel(list(messages), now=now)
