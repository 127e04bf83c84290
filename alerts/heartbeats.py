"""What the phone says of itself while a timer runs: the last of it is what those who are told begin with."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from alerts import timers
from alerts.models import Heartbeat, TimerStatus
from identity import rates
from identity.rates import Limit
from messaging.sql import rows

# One every five seconds: a phone has no reason for more.
OFTEN = Limit(scope="heartbeats", times=60, window=timedelta(minutes=5))
# What came before says nothing of where the person is.
KEPT = 100

_FORGET = """
DELETE FROM alerts_heartbeat WHERE id IN (
    SELECT id FROM alerts_heartbeat WHERE timer_id = %s ORDER BY at DESC, id DESC OFFSET %s
)
"""
# The last position and the last charge may be of two heartbeats: indoors a phone has no fix.
_LAST = """
SELECT t.id, p.latitude, p.longitude, p.accuracy, p.at, h.battery, h.network, h.at
FROM unnest(%s::uuid[]) AS t (id)
CROSS JOIN LATERAL (
    SELECT battery, network, at FROM alerts_heartbeat WHERE timer_id = t.id ORDER BY at DESC, id DESC LIMIT 1
) h
LEFT JOIN LATERAL (
    SELECT latitude, longitude, accuracy, at FROM alerts_heartbeat
    WHERE timer_id = t.id AND latitude IS NOT NULL ORDER BY at DESC, id DESC LIMIT 1
) p ON true
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """`at`: when the phone was so, by its own clock; None: now. From before the timer it counts as its beginning."""

    at: datetime | None = None
    battery: int | None = None
    network: str = ""
    latitude: float | None = None
    longitude: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LastHeard:
    """What was last heard of a phone, and where it last was."""

    latitude: float | None
    longitude: float | None
    accuracy: float | None
    position_at: datetime | None
    battery: int | None
    network: str
    at: datetime


def record(*, timer_id: UUID, person_id: UUID, beat: Beat, now: datetime) -> Heartbeat:
    """Keep a heartbeat of an armed timer; the oldest beyond KEPT are forgotten. It is no check-in.

    Raises NotFound, TimerEnded or TooManyRequests.
    """
    timer = timers.of_person(timer_id=timer_id, person_id=person_id)
    if timer.status != TimerStatus.ARMED:
        raise timers.TimerEnded(timer)
    rates.spend(OFTEN, str(timer_id), now=now)
    kept = Heartbeat.objects.create(
        timer=timer,
        at=max(min(beat.at or now, now), timer.created_at),
        received_at=now,
        battery=beat.battery,
        network=beat.network,
        latitude=beat.latitude,
        longitude=beat.longitude,
        accuracy=beat.accuracy,
    )
    rows(_FORGET, [timer_id, KEPT])
    return kept


def last_of(timer_ids: Collection[UUID]) -> dict[UUID, LastHeard]:
    """By timer, without those never heard of; one query."""
    return {
        timer_id: LastHeard(
            latitude=latitude,
            longitude=longitude,
            accuracy=accuracy,
            position_at=position_at,
            battery=battery,
            network=network,
            at=at,
        )
        for timer_id, latitude, longitude, accuracy, position_at, battery, network, at in rows(_LAST, [list(timer_ids)])
    }
