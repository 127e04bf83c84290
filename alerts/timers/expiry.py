"""Timers that run out: the owner is nudged before the end, and an alert is raised after the grace period.

A due timer is a row. The process that takes it locks it, and skips rows that others have locked. Any number of workers
and schedulers can therefore share the work, and a timer that is extended or completed meanwhile does not fire.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F, QuerySet

from alerts.contacts import texts
from alerts.models import ActivityTimer, AlertEvent, AlertKind, EventKind, TimerStatus
from alerts.sos import raising, silent
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

# If no worker has fired a timer this long after it was due, the scheduler fires it itself.
RESCUE_AFTER = timedelta(milliseconds=700)
# A timer whose firing or nudge fails is tried again after this, and does not hold up the others.
TRY_AGAIN_AFTER = timedelta(seconds=5)
# The most timers and messages of one transaction that fires: it locks the timers and their owners' alerts until it
# commits. A single timer may have more messages.
_BATCH, _MESSAGES = 100, 200
# The most nudges of one transaction.
_NUDGES = 100

_END = """
UPDATE alerts_activitytimer t SET status = 'fired', alert_id = f.alert, ended_at = %(now)s, updated_at = %(now)s
FROM unnest(%(timers)s::uuid[], %(alerts)s::uuid[]) AS f (timer, alert) WHERE t.id = f.timer AND t.status = 'armed'
"""


def is_anything_due() -> bool:
    now = clock.now()
    return due_timers(now).exists() or _timers_to_nudge(now).exists()


def due_timers(by: datetime) -> QuerySet[ActivityTimer]:
    """The armed timers whose grace period had ended at the time `by`, the longest overdue first."""
    return ActivityTimer.objects.filter(status=TimerStatus.ARMED, due_at__lte=by).order_by("due_at")


def _timers_to_nudge(by: datetime) -> QuerySet[ActivityTimer]:
    return ActivityTimer.objects.filter(status=TimerStatus.ARMED, nudge_at__lte=by).order_by("nudge_at")


def check(*, older_than: timedelta = timedelta()) -> int:
    """Fire the timers that have been due for at least `older_than`, then send the nudges that have been due for that
    long.

    Returns the number of timers that fired or failed to fire.
    """
    fired = 0
    while batch := _take_batch(_FIRING, older_than=older_than):
        fired += batch
    while _take_batch(_NUDGING, older_than=older_than) == _NUDGES:
        pass
    return fired


class _Task(NamedTuple):
    """One of the two tasks that become due for a timer: firing it, and the nudge before its end.

    `column` holds the task's due time. `put_off` makes it due again TRY_AGAIN_AFTER later.
    """

    column: str
    due: Callable[[datetime], QuerySet[ActivityTimer]]
    lock: Callable[[QuerySet[ActivityTimer]], list[ActivityTimer]]
    carry_out: Callable[[Sequence[ActivityTimer], datetime], None]
    put_off: Callable[[QuerySet[ActivityTimer]], int]


def _take_batch(task: _Task, *, older_than: timedelta) -> int:
    """Lock a batch of due timers and do the task for all of them in one transaction. If that fails, do it for each
    timer by itself, and put off the timers for which it fails again.

    Returns the number of timers in the batch.
    """
    timers: list[ActivityTimer] = []
    try:
        with transaction.atomic():
            now = clock.set_short_timeouts()
            timers = task.lock(task.due(now - older_than))
            task.carry_out(timers, now)
    except Exception as error:
        if isinstance(error, DatabaseError) and not timers:
            raise
        log.exception("timers_not_taken_together", timers=len(timers), due=task.column)
        for timer in timers:
            _take_alone(task, timer.id)
    return len(timers)


def _take_alone(task: _Task, timer_id: UUID) -> None:
    try:
        with transaction.atomic():
            now = clock.set_short_timeouts()
            task.carry_out(task.lock(task.due(now).filter(id=timer_id)), now)
    except Exception:
        log.exception("timer_not_taken", timer_id=str(timer_id), due=task.column)
        task.put_off(ActivityTimer.objects.filter(id=timer_id, status=TimerStatus.ARMED))


def _lock_to_fire(due: QuerySet[ActivityTimer]) -> list[ActivityTimer]:
    with_contacts = _locked(due).annotate(contacts=contacts.count_to_tell("owner"))
    return _one_batch(with_contacts[:_BATCH])


def _lock_to_nudge(due: QuerySet[ActivityTimer]) -> list[ActivityTimer]:
    return list(_locked(due)[:_NUDGES])


def _locked(due: QuerySet[ActivityTimer]) -> QuerySet[ActivityTimer]:
    return due.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("owner")


def _one_batch(found: Iterable[Any]) -> list[ActivityTimer]:
    """The first timers, at most one for each person, as long as their contacts need at most _MESSAGES messages; at
    least one.

    A person's second timer is in a later batch and joins the same alert.
    """
    of_each: dict[UUID, ActivityTimer] = {}
    messages = 0
    for timer in found:
        messages += timer.contacts
        if of_each and messages > _MESSAGES:
            break
        of_each.setdefault(timer.owner_id, timer)
    return list(of_each.values())


def _fire(timers: Sequence[ActivityTimer], now: datetime) -> None:
    if not timers:
        return
    # The phone sends the heartbeats of a hidden timer to the one that is shown.
    last = heartbeats.last_of([timer.kept_of or timer.id for timer in timers])
    heard = {timer.id: last.get(timer.kept_of or timer.id) for timer in timers}
    shown = [timer for timer in timers if timer.kept_of is None]
    raised = raising.raise_alerts([_cause(timer, heard[timer.id]) for timer in shown], now=now) if shown else []
    alerts = {timer.id: each.alert.id for timer, each in zip(shown, raised, strict=True)}
    for timer in timers:
        if timer.kept_of is not None:
            alerts[timer.id] = silent.for_timer(_silent_cause(timer, heard[timer.id]), now=now).id
    alert_ids = [alerts[timer.id] for timer in timers]
    journal.record_all(
        _missed(alert_id, timer, heard[timer.id], now=now) for alert_id, timer in zip(alert_ids, timers, strict=True)
    )
    rows(_END, {"timers": [timer.id for timer in timers], "alerts": alert_ids, "now": now})


def _cause(timer: ActivityTimer, heard: LastHeard | None) -> Cause:
    return Cause(
        owner=timer.owner,
        place=heard.position if heard else None,
        address=timer.place,
        kind=AlertKind.MISSED_CHECK_IN,
        contact_ids=timer.contact_ids,
    )


def _silent_cause(timer: ActivityTimer, heard: LastHeard | None) -> silent.Cause:
    return silent.Cause(
        owner=timer.owner,
        place=heard.position if heard else None,
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
        battery=heard.battery_pct if heard else None,
        last_heard_at=heard.at.isoformat() if heard else None,
    )


def _nudge(timers: Sequence[ActivityTimer], now: datetime) -> None:
    ActivityTimer.objects.filter(id__in=[timer.id for timer in timers]).update(nudge_at=None)
    outgoing.queue([_nudge_to_owner(timer, now=now) for timer in timers if timer.due_at > now], now=now)


def _nudge_to_owner(timer: ActivityTimer, *, now: datetime) -> outgoing.Outgoing:
    return outgoing.Outgoing(
        address=str(timer.owner.phone_number),
        text=texts.timer_ends(_minutes(timer.ends_at - now), language=timer.owner.language),
        message_class=MessageClass.SAFETY,
        on_behalf_of=str(timer.owner_id),
        deadline_at=timer.due_at,
    )


def _minutes(left: timedelta) -> int:
    return max(1, ceil(left / timedelta(minutes=1)))


_FIRING = _Task(
    column="due_at",
    due=due_timers,
    lock=_lock_to_fire,
    carry_out=_fire,
    put_off=lambda armed: armed.update(due_at=F("due_at") + TRY_AGAIN_AFTER),
)
_NUDGING = _Task(
    column="nudge_at",
    due=_timers_to_nudge,
    lock=_lock_to_nudge,
    carry_out=_nudge,
    put_off=lambda armed: armed.update(nudge_at=F("nudge_at") + TRY_AGAIN_AFTER),
)
