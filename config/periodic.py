"""Periodic work (PERIODIC). When it is due, one scheduler asks a worker for it; a worker does it.

A scheduler does it itself if no worker has done it within its `patience`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, Value, When

import alerts.evidence.retention
import alerts.timers.retention
import identity.retention
from alerts.escalation import steps
from alerts.sos import drills
from alerts.timeline import sealing
from config import deadletters
from config.models import PeriodicRun
from geo import retention as positions
from identity.verification import conversion
from messaging import lost_keys
from messaging.database import clock
from messaging.operations import alarms

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Periodic:
    run: Callable[..., int]
    every: timedelta
    # The time a worker has, once it was asked, before the scheduler does the work itself.
    patience: timedelta


PERIODIC = {
    "collect_dead_letters": Periodic(
        run=deadletters.collect, every=timedelta(seconds=30), patience=timedelta(seconds=10)
    ),
    "end_drills": Periodic(run=drills.end_old, every=timedelta(seconds=30), patience=timedelta(seconds=30)),
    "escalate": Periodic(run=steps.take_steps, every=timedelta(seconds=1), patience=timedelta(seconds=2)),
    "find_lost_keys": Periodic(run=lost_keys.raise_alarm, every=timedelta(minutes=1), patience=timedelta(seconds=10)),
    "mail_alarms": Periodic(run=alarms.mail_alarms, every=timedelta(seconds=30), patience=timedelta(seconds=10)),
    "judge_conversion": Periodic(run=conversion.judge, every=timedelta(minutes=10), patience=timedelta(minutes=5)),
    "purge_evidence": Periodic(
        run=alerts.evidence.retention.purge, every=timedelta(minutes=10), patience=timedelta(minutes=5)
    ),
    "seal_timelines": Periodic(run=sealing.seal_due, every=timedelta(seconds=5), patience=timedelta(minutes=1)),
    "purge_timers": Periodic(
        run=alerts.timers.retention.purge, every=timedelta(minutes=10), patience=timedelta(minutes=5)
    ),
    # The name stays: a process of an older release refuses a name that it does not know.
    "keep_positions": Periodic(run=positions.purge, every=timedelta(minutes=10), patience=timedelta(minutes=5)),
    "purge_identity": Periodic(
        run=identity.retention.purge, every=timedelta(minutes=10), patience=timedelta(minutes=5)
    ),
}


_ASKED_IN_VAIN = Q(asked_at__isnull=False) & (Q(completed_at__isnull=True) | Q(completed_at__lt=F("asked_at")))


@transaction.atomic
def take_due() -> list[str]:
    """The names of the periodic work whose due time has passed.

    Only one scheduler gets each; its next due time is stored.
    """
    now = clock.set_short_timeouts()
    _ensure_rows(now)
    due = PeriodicRun.objects.select_for_update(skip_locked=True).filter(name__in=PERIODIC, due_at__lte=now)
    names = list(due.values_list("name", flat=True))
    # Keep the first time a worker was asked in vain: work that is due again within its patience would otherwise never
    # count as neglected.
    asked_at = Case(When(_ASKED_IN_VAIN, then=F("asked_at")), default=Value(now))
    for name in names:
        PeriodicRun.objects.filter(name=name).update(due_at=now + PERIODIC[name].every, asked_at=asked_at)
    return names


@transaction.atomic
def take_neglected() -> list[str]:
    """The names of the periodic work that a worker was asked for and has not done within its `patience`.

    Only one scheduler gets each name, and does the work itself.
    """
    now = clock.set_short_timeouts()
    rows = PeriodicRun.objects.select_for_update(skip_locked=True).filter(_ASKED_IN_VAIN)
    names = [
        row.name
        for row in rows
        if row.asked_at and row.name in PERIODIC and row.asked_at + PERIODIC[row.name].patience <= now
    ]
    PeriodicRun.objects.filter(name__in=names).update(asked_at=None)
    return names


def run(name: str) -> None:
    """Do the periodic work of this name and store the time in `completed_at`. Raises KeyError for an unknown name."""
    periodic = PERIODIC[name]
    done = periodic.run(now=clock.now())
    PeriodicRun.objects.filter(name=name).update(completed_at=clock.now())
    if done:
        log.info("periodic_done", name=name, count=done)


def _ensure_rows(now: datetime) -> None:
    PeriodicRun.objects.bulk_create([PeriodicRun(name=name, due_at=now) for name in PERIODIC], ignore_conflicts=True)
