"""Timers that run out: the person is reminded before the end, and after the grace period one alert is raised.

A due timer is a row; whoever takes it locks it and leaves alone what somebody else has locked, so that any number of
workers and schedulers share the work, and a timer that is put off or completed meanwhile does not fire.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F, QuerySet

from alerts.contacts import texts
from alerts.models import ActivityTimer, AlertEvent, AlertKind, EventKind, TimerStatus
from alerts.sos import raising
from alerts.sos.raising import Cause
from alerts.timeline import journal
from alerts.timers import heartbeats
from alerts.timers.heartbeats import LastHeard
from identity.contacts import contacts
from messaging.database import clock
from messaging.database.sql import rows
from messaging.models import MessageClass
from messaging.outbox import outgoing

log = structlog.get_logger(__name__)

# A timer that workers have not fired by then is fired by the scheduler itself.
RESCUE_AFTER = timedelta(milliseconds=700)
# One that cannot be fired, or reminded of, is tried again after this, and holds up no other.
TRY_AGAIN_AFTER = timedelta(seconds=5)
# Timers that one transaction fires, and messages, but for one timer: it holds their rows, and those of their persons'
# alerts, for as long.
_BATCH, _MESSAGES = 100, 200
_REMINDERS = 100

_END = """
UPDATE alerts_activitytimer t SET status = 'fired', alert_id = f.alert, ended_at = %(now)s, updated_at = %(now)s
FROM unnest(%(timers)s::uuid[], %(alerts)s::uuid[]) AS f (timer, alert) WHERE t.id = f.timer AND t.status = 'armed'
"""


def is_anything_due() -> bool:
    now = clock.now()
    return due(now).exists() or _to_remind(now).exists()


def due(by: datetime) -> QuerySet[ActivityTimer]:
    """The timers whose grace period was over by then, the longest silent first."""
    return ActivityTimer.objects.filter(status=TimerStatus.ARMED, due_at__lte=by).order_by("due_at")


def _to_remind(by: datetime) -> QuerySet[ActivityTimer]:
    return ActivityTimer.objects.filter(status=TimerStatus.ARMED, nudge_at__lte=by).order_by("nudge_at")


def check(*, older_than: timedelta = timedelta()) -> int:
    """Fire what has been due for so long, then remind; returns the number of timers that fired or failed to."""
    fired = 0
    while some := _take_some(_take_and_fire, due="due_at", older_than=older_than):
        fired += some
    while _take_some(_take_and_remind, due="nudge_at", older_than=older_than) == _REMINDERS:
        pass
    return fired


def _take_some(take: Callable[..., None], *, due: str, older_than: timedelta) -> int:
    """A batch together or, when that fails, each by itself; `due` is the column that says when."""
    taken: list[UUID] = []
    try:
        take(taken, older_than=older_than)
    except Exception as error:
        if isinstance(error, DatabaseError) and not taken:
            raise
        log.exception("timers_not_taken_together", timers=len(taken), due=due)
        for timer_id in taken:
            _take_alone(take, timer_id, due=due)
    return len(taken)


def _take_alone(take: Callable[..., None], timer_id: UUID, *, due: str) -> None:
    try:
        take([], only=timer_id)
    except Exception:
        log.exception("timer_not_taken", timer_id=str(timer_id), due=due)
        armed = ActivityTimer.objects.filter(id=timer_id, status=TimerStatus.ARMED)
        armed.update(**{due: F(due) + TRY_AGAIN_AFTER})


@transaction.atomic
def _take_and_fire(taken: list[UUID], *, older_than: timedelta = timedelta(), only: UUID | None = None) -> None:
    """Lock what has been due for longest and fire it; `taken` names it, also when that fails."""
    now = clock.set_short_timeouts()
    wanted = due(now - older_than)
    if only is not None:
        wanted = wanted.filter(id=only)
    locked = wanted.select_for_update(skip_locked=True, no_key=True, of=("self",))
    with_contacts = locked.select_related("owner").annotate(contacts=contacts.count_to_tell("owner"))
    timers = _one_batch(with_contacts[:_BATCH])
    taken += [timer.id for timer in timers]
    if timers:
        _fire(timers, now=now)


def _one_batch(found: Iterable[Any]) -> list[ActivityTimer]:
    """The first of them, one of each person: a second one joins the alert of the first, in the next batch."""
    of_each: dict[UUID, ActivityTimer] = {}
    messages = 0
    for timer in found:
        messages += timer.contacts
        if of_each and messages > _MESSAGES:
            break
        of_each.setdefault(timer.owner_id, timer)
    return list(of_each.values())


def _fire(timers: Sequence[ActivityTimer], *, now: datetime) -> None:
    heard = heartbeats.last_of([timer.id for timer in timers])
    raised = raising.raise_alerts([_cause(timer, heard.get(timer.id)) for timer in timers], now=now)
    alert_ids = [each.alert.id for each in raised]
    journal.record_all(
        _missed(alert_id, timer, heard.get(timer.id), now=now)
        for alert_id, timer in zip(alert_ids, timers, strict=True)
    )
    rows(_END, {"timers": [timer.id for timer in timers], "alerts": alert_ids, "now": now})


def _cause(timer: ActivityTimer, heard: LastHeard | None) -> Cause:
    return Cause(
        owner=timer.owner,
        place=heard.place if heard else None,
        address=timer.place,
        kind=AlertKind.MISSED_CHECK_IN,
        contact_ids=timer.contact_ids,
    )


def _missed(alert_id: UUID, timer: ActivityTimer, heard: LastHeard | None, *, now: datetime) -> AlertEvent:
    return journal.entry(
        alert_id,
        EventKind.CHECK_IN_MISSED,
        by=journal.SYSTEM,
        now=now,
        timer_id=str(timer.id),
        battery=heard.battery if heard else None,
        last_heard_at=heard.at.isoformat() if heard else None,
    )


@transaction.atomic
def _take_and_remind(taken: list[UUID], *, older_than: timedelta = timedelta(), only: UUID | None = None) -> None:
    now = clock.set_short_timeouts()
    wanted = _to_remind(now - older_than)
    if only is not None:
        wanted = wanted.filter(id=only)
    locked = wanted.select_for_update(skip_locked=True, no_key=True, of=("self",))
    timers = list(locked.select_related("owner")[:_REMINDERS])
    taken += [timer.id for timer in timers]
    ActivityTimer.objects.filter(id__in=taken).update(nudge_at=None)
    _remind([timer for timer in timers if timer.due_at > now], now=now)


def _remind(timers: Sequence[ActivityTimer], *, now: datetime) -> None:
    outgoing.queue(
        [
            outgoing.Outgoing(
                address=str(timer.owner.phone_number),
                text=texts.timer_ends(_minutes(timer.ends_at - now), language=timer.owner.language),
                message_class=MessageClass.SAFETY,
                deadline_at=timer.due_at,
            )
            for timer in timers
        ],
        now=now,
    )


def _minutes(left: timedelta) -> int:
    return max(1, ceil(left / timedelta(minutes=1)))
