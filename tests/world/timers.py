"""Activity timers written straight into the tables, and how late they fire: arming them is not measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from tests.world.installation import World

_ARM = """
INSERT INTO alerts_activitytimer (id, owner_id, status, note, place, contact_ids, period_s, grace_s, extensions,
    ends_at, due_at, created_at, updated_at)
SELECT id, owner, 'armed', '', '', '{}', 600, 60, 0, now(), now() + delay * interval '1 s', now(), now()
FROM unnest(%s::uuid[], %s::uuid[], %s::float[]) AS t (id, owner, delay)
"""
_LATENESS = """
SELECT count(*), coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY late), 0)::float,
    coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY late), 0)::float, coalesce(max(late), 0)::float
FROM (SELECT extract(epoch FROM ended_at - due_at) AS late FROM alerts_activitytimer
    WHERE status = 'fired' AND owner_id = ANY(%s)) fired
"""


@dataclass(frozen=True, slots=True)
class Lateness:
    """The number of timers that fired, and the seconds from due time to alert."""

    fired: int
    median_s: float
    p99_s: float
    worst_s: float


def arm(world: World, owners: list[UUID], delays_s: list[float]) -> None:
    """Write a timer for each owner whose grace period ends after this many seconds."""
    world.execute(_ARM, [uuid7() for _ in owners], owners, delays_s)


def lateness(world: World, owners: list[UUID]) -> Lateness:
    [row] = world.rows(_LATENESS, owners)
    return Lateness(*row)
