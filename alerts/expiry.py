"""Timers that run out: the person is reminded before the end, and after the grace period one alert is raised.

A due timer is a row; whoever takes it locks it and leaves alone what somebody else has locked, so that any number of
workers and schedulers share the work, and a timer that is put off or completed meanwhile does not fire.
"""

from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F

from alerts import heartbeats, lifecycle, texts, timeline
from alerts.models import ActivityTimer, AlertKind, EventKind, TimerStatus
from messaging import clock, outbox
from messaging.models import MessageClass

log = structlog.get_logger(__name__)

# A timer that workers have not fired by then is fired by the scheduler itself.
RESCUE_AFTER = timedelta(milliseconds=700)
# One that cannot be fired is tried again after this, and holds up no other.
TRY_AGAIN_AFTER = timedelta(seconds=5)
_REMINDERS = 100


def is_anything_due() -> bool:
    now = clock.now()
    armed = ActivityTimer.objects.filter(status=TimerStatus.ARMED)
    return armed.filter(due_at__lte=now).exists() or armed.filter(nudge_at__lte=now).exists()


def check(*, older_than: timedelta = timedelta()) -> int:
    """Fire what has been due for so long, then remind; returns the number of timers that fired or failed to."""
    fired = 0
    while _fire_one(older_than=older_than):
        fired += 1
    while _remind(older_than=older_than) == _REMINDERS:
        pass
    return fired


def _fire_one(*, older_than: timedelta) -> bool:
    taken: list[UUID] = []
    try:
        with transaction.atomic():
            return _take_and_fire(taken, older_than=older_than)
    except Exception as error:
        if isinstance(error, DatabaseError) and not taken:
            raise
        log.exception("timer_not_fired", timer_ids=[str(timer_id) for timer_id in taken])
        due = ActivityTimer.objects.filter(id__in=taken, status=TimerStatus.ARMED)
        due.update(due_at=F("due_at") + TRY_AGAIN_AFTER)
        return True


def _take_and_fire(taken: list[UUID], *, older_than: timedelta) -> bool:
    now = clock.lock_briefly()
    due = ActivityTimer.objects.filter(status=TimerStatus.ARMED, due_at__lte=now - older_than).order_by("due_at")
    locked = due.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("owner")
    timer = locked.first()
    if timer is None:
        return False
    taken.append(timer.id)
    _fire(timer, now=now)
    return True


def _fire(timer: ActivityTimer, *, now: datetime) -> None:
    heard = heartbeats.last_of([timer.id]).get(timer.id)
    alert, _ = lifecycle.raise_alert(
        owner=timer.owner,
        latitude=heard.latitude if heard else None,
        longitude=heard.longitude if heard else None,
        address=timer.place,
        kind=AlertKind.MISSED_CHECK_IN,
        contact_ids=timer.contact_ids,
        now=now,
    )
    timeline.record(
        alert.id,
        EventKind.CHECK_IN_MISSED,
        by=timeline.SYSTEM,
        now=now,
        timer_id=str(timer.id),
        battery=heard.battery if heard else None,
        last_heard_at=heard.at.isoformat() if heard else None,
    )
    armed = ActivityTimer.objects.filter(id=timer.id, status=TimerStatus.ARMED)
    armed.update(status=TimerStatus.FIRED, alert=alert, ended_at=now, updated_at=now)


@transaction.atomic
def _remind(*, older_than: timedelta) -> int:
    now = clock.lock_briefly()
    due = ActivityTimer.objects.filter(status=TimerStatus.ARMED, nudge_at__lte=now - older_than).order_by("nudge_at")
    timers = list(
        due.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("owner")[:_REMINDERS]
    )
    ActivityTimer.objects.filter(id__in=[timer.id for timer in timers]).update(nudge_at=None)
    outbox.queue(
        [
            outbox.Outgoing(
                address=str(timer.owner.phone_number),
                text=texts.timer_ends(_minutes(timer.ends_at - now), language=timer.owner.language),
                message_class=MessageClass.SAFETY,
                deadline_at=timer.due_at,
            )
            for timer in timers
            if timer.due_at > now
        ],
        now=now,
    )
    return len(timers)


def _minutes(left: timedelta) -> int:
    return max(1, ceil(left / timedelta(minutes=1)))
