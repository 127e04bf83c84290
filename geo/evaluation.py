"""A person's new fixes, in order of time, under a lock of the person's row: two workers never race, and a fix that is
not later than the last one evaluated came too late to tell anybody anything."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from geo import memory, policy, presence, telling, zonesets
from geo.models import DueEvaluation, Fix, Whereabouts
from geo.presence import Presence, Sighting
from geo.shapes import point
from geo.telling import Happening
from messaging import clock

log = structlog.get_logger(__name__)


def evaluate(person_ids: Iterable[UUID]) -> int:
    """Evaluate what is due of each; returns how many events there were. Running it twice does it once."""
    return sum(_evaluate(person_id) for person_id in person_ids)


def _evaluate(person_id: UUID) -> int:
    events = 0
    while True:
        found, is_done = _step(person_id)
        events += found
        if is_done:
            return events


@transaction.atomic
def _step(person_id: UUID) -> tuple[int, bool]:
    """At most EVALUATION_STEP fixes; returns the events, and whether that was all."""
    now = clock.lock_briefly()
    # Its zones' maker made the row; a person who lost their last zone has it still.
    whereabouts = Whereabouts.objects.select_for_update(no_key=True).get(person_id=person_id)
    due = DueEvaluation.objects.filter(person_id=person_id).first()
    if due is None:
        return 0, True
    fixes = list(_unseen(whereabouts, now=now)[: policy.EVALUATION_STEP])
    happened = list(_fold(whereabouts, fixes))
    if fixes:
        whereabouts.seen_at, whereabouts.seen_id = fixes[-1].at, fixes[-1].id
        whereabouts.save(update_fields=["seen_at", "seen_id", "state"])
    events = telling.tell(happened, person_id=person_id, now=now)
    is_done = len(fixes) < policy.EVALUATION_STEP
    if is_done:
        # Not if something was uploaded meanwhile: that has a later time.
        DueEvaluation.objects.filter(person_id=person_id, due_at=due.due_at).delete()
    log.info("fixes_evaluated", person_id=str(person_id), fixes=len(fixes), events=events)
    return events, is_done


def _unseen(whereabouts: Whereabouts, *, now: datetime) -> QuerySet[Fix]:
    fixes = Fix.objects.filter(owner_id=whereabouts.person_id, at__gt=now - policy.EVALUATED_FOR)
    if whereabouts.seen_at is not None:
        later = Q(at__gt=whereabouts.seen_at) | Q(at=whereabouts.seen_at, id__gt=whereabouts.seen_id)
        fixes = fixes.filter(later, at__gte=whereabouts.seen_at)
    return fixes.order_by("at", "id")


def _fold(whereabouts: Whereabouts, fixes: list[Fix]) -> Iterator[Happening]:
    """Every event of the fixes; leaves the new state in the row."""
    zones = zonesets.of_person(whereabouts)
    track, known = memory.read_track(whereabouts.state), memory.read_presences(whereabouts.state)
    presences = {zone.key: known.get(zone.key) or Presence() for zone in zones}
    areas = [(zone, zone.shape, presences[zone.key], zone.placed_at) for zone in zones]
    for fix in fixes:
        place = point(fix.latitude, fix.longitude)
        sighting = Sighting.of(at=fix.at.timestamp(), place=place, accuracy_m=fix.accuracy_m)
        if not track.take(sighting):
            continue
        for zone, area, there, placed_at in areas:
            if fix.at < placed_at:
                continue
            decision = presence.decide(area, there, track)
            if decision is not None and decision.is_event:
                yield Happening(zone=zone, fix=fix, accuracy_m=sighting.accuracy_m, decision=decision)
    whereabouts.state = memory.write(track, presences)
