"""Drills: the path of an SOS with SMS marked TEST, to the contacts who have accepted. A drill has no escalation: nobody
is called or reminded. A real press is never refused because of a drill: it ends the drill.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from alerts.models import OPEN, OPEN_TO_OWNER, AlertStatus, SosAlert
from alerts.owner import even_timing, reach, view
from alerts.owner.reach import AlertReport
from alerts.owner.view import ShownAlert
from alerts.sos import closing, raising
from alerts.sos.intake import Intake
from alerts.sos.raising import Cause, Raised
from alerts.timeline import journal
from identity.api import rates
from identity.api.rates import Limit
from identity.errors import Conflict, NotFound
from identity.models import User
from messaging.database import clock

# Each drill is an SMS to every contact. More than 5 a day would teach contacts to look away.
A_DAY = Limit(scope="drills", times=5, window=timedelta(days=1))
# A contact who answers a drill at all answers within 15 minutes.
LASTS = timedelta(minutes=15)
# Drills ended in one transaction.
_BATCH = 50


class SosIsOpen(Conflict):
    code = "sos_is_open"
    detail = "There is an SOS that has not ended: this is no time for a drill."


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One contact's TEST message: its status, and the seconds from the press until the provider took it
    (`accepted_after_s`) and until it was on the phone (`delivered_after_s`); None: not yet, or never.
    """

    contact_id: UUID
    name: str
    channel: str
    status: str
    reason: str | None
    detail: str | None
    answer: str | None
    accepted_after_s: float | None
    delivered_after_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillReport:
    alert: ShownAlert
    arrivals: list[Arrival]
    summary: str


def begin(*, owner: User, press: Intake, now: datetime) -> Raised:
    """Raise a drill, or find the owner's open drill. `is_new` of the result says which. Call inside a transaction.

    Raises SosIsOpen if the owner has an open real alert, and TooManyRequests for more new drills than A_DAY allows.
    """
    if SosAlert.objects.filter(OPEN_TO_OWNER, owner=owner, is_drill=False).exists():
        raise SosIsOpen
    if not SosAlert.objects.filter(OPEN_TO_OWNER, owner=owner, is_drill=True).exists():
        rates.spend(A_DAY, str(owner.id), now=now)
    [raised] = raising.raise_alerts(
        [Cause(owner=owner, place=press.place, address=press.address, battery_pct=press.battery_pct)],
        is_drill=True,
        now=now,
    )
    return raised


def end_old(*, now: datetime) -> int:
    """Resolve the open drills that are older than LASTS; return how many.

    Any number of processes may call this at once: each drill is resolved by one of them.
    """
    ended = 0
    while batch := _end_batch(before=now - LASTS):
        ended += batch
    return ended


@transaction.atomic
def _end_batch(*, before: datetime) -> int:
    now = clock.set_short_timeouts()
    old = SosAlert.objects.filter(status__in=OPEN, is_drill=True, created_at__lte=before).order_by("id")
    drills = list(old.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("owner")[:_BATCH])
    for drill in drills:
        closing.close(alert_id=drill.id, owner=drill.owner, to=AlertStatus.RESOLVED, now=now, by=journal.SYSTEM)
    return len(drills)


def report(*, alert_id: UUID, owner: User) -> DrillReport:
    """Return which TEST messages of a drill have arrived so far, and how fast.

    Raises NotFound, also for an alert that is no drill.
    """
    drill = view.owned_by(owner).filter(id=alert_id, is_drill=True).first()
    if drill is None:
        raise NotFound
    with even_timing.of_ended(drill):
        shown = reach.report(drill, language=owner.language)
    return DrillReport(alert=shown.alert, arrivals=_arrivals(shown), summary=shown.reach.summary)


def _arrivals(told: AlertReport) -> list[Arrival]:
    began = told.alert.created_at
    return [
        Arrival(
            contact_id=contact.contact_id,
            name=contact.name,
            channel=contact.sos.channel,
            status=contact.sos.status,
            reason=contact.sos.reason,
            detail=contact.sos.detail,
            answer=contact.answer,
            accepted_after_s=_seconds(began, contact.sos.accepted_at),
            delivered_after_s=_seconds(began, contact.sos.delivered_at),
        )
        for contact in told.contacts
    ]


def _seconds(began: datetime, at: datetime | None) -> float | None:
    return round((at - began).total_seconds(), 3) if at else None
