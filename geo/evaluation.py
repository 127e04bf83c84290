"""Evaluates people's new fixes in order of time: finds zone events, stores them and texts contacts.

Evaluation remembers each person in a row of Whereabouts. It locks this row, so two workers never evaluate one person at
once. A fix that is not later than the person's last evaluated fix came too late: it causes no event.

Evaluation does not wait for fixes that may still arrive. Uploads within a tenth of a second (HINT_EVERY_S) are
evaluated together, which puts two simultaneous uploads into order. A longer wait would delay "left work" for everybody.
Apart from such races a phone uploads in order. A fix that comes more than a tenth of a second late is only stored as
history: it does not say where the person is now.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from django.db import transaction
from psycopg.errors import IdleInTransactionSessionTimeout

from geo import memory, policy, telling, zonesets
from geo.models import DueEvaluation, Whereabouts
from geo.nearness import Surroundings, ZoneState
from geo.presence import Presence
from geo.shapes import point
from geo.telling import Happening, StoredFix
from geo.track import TrackFix
from geo.zonesets import Zone
from messaging.database import clock
from messaging.database.sql import is_out_of_reach, rows

log = structlog.get_logger(__name__)

# The statement also holds the first and the last time as values: PostgreSQL then does not even plan the other weeks.
_UNSEEN = """
SELECT person.id, fix.at, fix.id, fix.latitude, fix.longitude, fix.accuracy_m
FROM unnest(%(people)s::uuid[], %(seen_at)s::timestamptz[], %(seen_ids)s::uuid[]) AS person (id, seen_at, seen_id)
CROSS JOIN LATERAL (
    SELECT * FROM geo_fix
    WHERE owner_id = person.id AND at > %(since)s AND at <= %(until)s
    AND at >= person.seen_at AND (at, id) > (person.seen_at, person.seen_id)
    ORDER BY at, id LIMIT %(limit)s
) AS fix
"""
_REMEMBER = """
UPDATE geo_whereabouts AS known SET seen_at = found.seen_at, seen_id = found.seen_id, state = found.state
FROM jsonb_to_recordset(%s::jsonb) AS found (person_id uuid, seen_at timestamptz, seen_id uuid, state jsonb)
WHERE known.person_id = found.person_id
"""
# The row of a person who uploaded something meanwhile has a later time and stays.
_DONE = """
DELETE FROM geo_dueevaluation AS due USING unnest(%s::uuid[], %s::timestamptz[]) AS done (person_id, due_at)
WHERE due.person_id = done.person_id AND due.due_at = done.due_at
"""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ID = UUID(int=0)


def evaluate(person_ids: Iterable[UUID]) -> int:
    """Evaluate the due fixes of these people; return the number of zone events. A second run finds nothing to do.

    If it fails, each person is evaluated alone, and a person whose evaluation fails again is logged and left out.
    Raises the error if the database is out of reach, or if only one person was asked for.
    """
    people = list(dict.fromkeys(person_ids))
    try:
        return _evaluate(people)
    except Exception as error:
        if len(people) == 1 or _is_about_all(error):
            raise
        # A fault in one person's fixes must not cost the others their events.
        log.exception("evaluated_one_by_one", people=len(people))
        return sum(_evaluate_alone(person_id) for person_id in people)


def _evaluate_alone(person_id: UUID) -> int:
    try:
        return _evaluate([person_id])
    except Exception as error:
        if _is_about_all(error):
            raise
        log.exception("evaluation_failed", person_id=str(person_id))
        return 0


def _is_about_all(error: Exception) -> bool:
    """Whether this error concerns everybody, because the database is out of reach.

    PostgreSQL ends a transaction that idles too long. That error concerns one person: deciding about their fixes may
    take too long.
    """
    return is_out_of_reach(error) and not isinstance(error.__cause__, IdleInTransactionSessionTimeout)


def _evaluate(people: list[UUID]) -> int:
    events = 0
    while people:
        found, people = _step(people)
        events += found
    return events


@transaction.atomic
def _step(people: Sequence[UUID]) -> tuple[int, list[UUID]]:
    """Evaluate at most EVALUATION_STEP fixes, within about FOLDING_S, in one transaction.

    Returns the number of events, and the people who have more fixes to evaluate.
    """
    now = clock.set_short_timeouts()
    # Lock in one order, so that two workers with the same people cannot deadlock. A person's first zone made the row;
    # it stays when their last zone is removed.
    locked = Whereabouts.objects.select_for_update(no_key=True).filter(person_id__in=people).order_by("person_id")
    known = {whereabouts.person_id: whereabouts for whereabouts in locked}
    due = dict(DueEvaluation.objects.filter(person_id__in=known).values_list("person_id", "due_at"))
    limit = max(1, policy.EVALUATION_STEP // max(1, len(due)))
    unseen = _unseen([known[person_id] for person_id in due], limit=limit, now=now)
    zones = zonesets.active_zones([known[person_id] for person_id in unseen])
    happened: dict[UUID, list[Happening]] = {}
    started = time.monotonic()
    for number, (person_id, fixes) in enumerate(unseen.items(), start=1):
        # Each person has a share of the time: one person's slow fixes do not delay the others'.
        until = started + policy.FOLDING_S * number / len(unseen)
        happened[person_id] = list(_fold(known[person_id], zones[person_id], fixes, until=until))
    _remember([known[person_id] for person_id in unseen])
    events = sum(telling.tell(found, person_id=person_id, now=now) for person_id, found in happened.items())
    more = [
        person_id
        for person_id, fixes in unseen.items()
        if len(fixes) == limit or (known[person_id].seen_at, known[person_id].seen_id) != fixes[-1][:2]
    ]
    done = {person_id: due_at for person_id, due_at in due.items() if person_id not in more}
    rows(_DONE, [list(done), list(done.values())])
    log.info("fixes_evaluated", people=len(due), read=sum(map(len, unseen.values())), events=events)
    return events, more


def _unseen(people: Sequence[Whereabouts], *, limit: int, now: datetime) -> dict[UUID, list[StoredFix]]:
    """The oldest `limit` fixes of each person after the last evaluated one, in order of time, by person id. Fixes older
    than EVALUATED_FOR are left out.
    """
    found: defaultdict[UUID, list[StoredFix]] = defaultdict(list)
    asked = {
        "people": [person.person_id for person in people],
        "seen_at": [person.seen_at or _EVER for person in people],
        "seen_ids": [person.seen_id or _FIRST_ID for person in people],
        "since": now - policy.EVALUATED_FOR,
        "until": now + 2 * policy.SKEW_IGNORED,
        "limit": limit,
    }
    for person_id, *fix in rows(_UNSEEN, asked) if people else ():
        found[person_id].append(StoredFix(*fix))
    for fixes in found.values():
        # They probably come in order, but the statement does not promise it.
        fixes.sort()
    return found


def _remember(people: Iterable[Whereabouts]) -> None:
    columns = ("person_id", "seen_at", "seen_id", "state")
    found = [{column: getattr(person, column) for column in columns} for person in people]
    rows(_REMEMBER, [json.dumps(found, default=str)])


def _fold(
    whereabouts: Whereabouts, zones: Sequence[Zone], fixes: Sequence[StoredFix], *, until: float
) -> Iterator[Happening]:
    """Yield the zone events of these fixes; write the new state and the last evaluated fix into the object
    `whereabouts`.

    The first fix is always evaluated. Evaluation then stops when the monotonic clock passes `until`; later fixes stay
    due.
    """
    track, known = memory.read_track(whereabouts.state), memory.read_presences(whereabouts.state)
    keys = [zone.key for zone in zones]
    states = [
        ZoneState(zone.shape, known.get(key) or Presence(), zone.placed_at.timestamp())
        for key, zone in zip(keys, zones, strict=True)
    ]
    surroundings = Surroundings(states)
    for fix in fixes:
        whereabouts.seen_at, whereabouts.seen_id = fix.at, fix.id
        track_fix = TrackFix.reported(
            at=fix.at.timestamp(), position=point(fix.latitude, fix.longitude), accuracy_m=fix.accuracy_m
        )
        if not track.take(track_fix):
            continue
        for number, decision in surroundings.decide(track):
            if decision.is_event:
                yield Happening(zone=zones[number], fix=fix, accuracy_m=track.seen[-1].error_m, decision=decision)
        if time.monotonic() > until:
            break
    presences = {key: state.presence for key, state in zip(keys, states, strict=True)}
    whereabouts.state = memory.write(track, presences)
