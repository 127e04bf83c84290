"""Heartbeats: reports of a phone while a timer runs. If the timer runs out, contacts see the last report."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.models import Heartbeat, TimerStatus
from alerts.positions.track import Position
from alerts.timers import lifecycle
from geo import clocks, reading
from geo.reading import Details, Refused
from identity.api import rates
from identity.api.rates import Limit
from messaging.database.sql import rows

# One every five seconds: a phone has no reason to send more.
OFTEN = Limit(scope="heartbeats", times=60, window=timedelta(minutes=5))
# Older heartbeats say nothing about where the person is.
KEPT = 100

_FORGET = """
DELETE FROM alerts_heartbeat WHERE id IN (
    SELECT id FROM alerts_heartbeat WHERE timer_id = %s ORDER BY at DESC, id DESC OFFSET %s
)
"""
# The last position and the last battery level may come from two heartbeats: indoors a phone has no fix.
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
class ReportedHeartbeat:
    """The readable parts of a phone's heartbeat.

    `at` is the phone's time, corrected to the database's clock and never later than now; now if the phone stated no
    time.
    """

    at: datetime
    position: tuple[float, float] | tuple[None, None]
    details: Details


@dataclass(frozen=True, kw_only=True, slots=True)
class LastHeard:
    """The last heartbeat of a timer, and the last position in any of the timer's heartbeats."""

    latitude: float | None
    longitude: float | None
    accuracy_m: float | None
    position_at: datetime | None
    battery_pct: int | None
    network: str
    at: datetime

    @property
    def position(self) -> Position | None:
        if self.latitude is None or self.longitude is None:
            return None
        return Position(
            latitude=self.latitude, longitude=self.longitude, accuracy_m=self.accuracy_m, at=self.position_at
        )


def read(body: Mapping[str, Any], *, now: datetime) -> ReportedHeartbeat:
    """Read the body of a heartbeat, and correct its time to the database's clock. Raises Refused for an unreadable
    time.

    A wrong or missing position becomes (None, None), since indoors there is no fix.
    """
    stated = reading.recorded_at(body)
    behind = clocks.measured(sent_at=reading.sent_at(body), recorded_at=[stated] if stated else [], now=now)
    at = min(reading.corrected(stated, behind), now) if stated else now
    return ReportedHeartbeat(at=at, position=_position(body), details=reading.details(body))


def _position(body: Mapping[str, Any]) -> tuple[float, float] | tuple[None, None]:
    try:
        return reading.position(body)
    except Refused:
        return None, None


def record(*, timer_id: UUID, person_id: UUID, heartbeat: ReportedHeartbeat, now: datetime) -> Heartbeat:
    """Store a heartbeat of an armed timer, delete all but the timer's last KEPT, and return the heartbeat.

    A heartbeat is not a check-in. A time before the timer's start is stored as the start. Raises NotFound, TimerEnded
    or TooManyRequests.
    """
    timer = lifecycle.of_person(timer_id=timer_id, person_id=person_id)
    if timer.status != TimerStatus.ARMED:
        raise lifecycle.TimerEnded(timer)
    rates.spend(OFTEN, str(timer_id), now=now)
    latitude, longitude = heartbeat.position
    kept = Heartbeat.objects.create(
        timer=timer,
        at=max(heartbeat.at, timer.created_at),
        received_at=now,
        battery_pct=heartbeat.details.battery_pct,
        network=heartbeat.details.network,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=heartbeat.details.accuracy_m,
    )
    rows(_FORGET, [timer_id, KEPT])
    return kept


def last_of(timer_ids: Collection[UUID]) -> dict[UUID, LastHeard]:
    """The last heartbeat of each timer, by timer id. A timer without heartbeats is left out. Takes one query."""
    found = rows(_LAST, [list(timer_ids)])
    return {
        timer_id: LastHeard(
            latitude=latitude,
            longitude=longitude,
            accuracy_m=accuracy_m,
            position_at=position_at,
            battery_pct=battery_pct,
            network=network,
            at=at,
        )
        for timer_id, latitude, longitude, accuracy_m, position_at, battery_pct, network, at in found
    }
