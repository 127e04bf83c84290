"""Picks those of a person's zones whose presence a fix can change, and asks geo/presence.py only about these."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from geo import presence
from geo.presence import Area, Decision, Presence
from geo.shapes import Point
from geo.track import Track

# Distances to all zones are measured again when the person has moved this far. With a smaller value a drive measures at
# every fix. With a larger one more zones count as near.
MEASURED_WITHIN_M = 1_000.0
# Rounding error of sums of distances around the Earth.
_ROUNDING_M = 0.01


@dataclass(frozen=True, slots=True)
class ZoneState:
    """A zone and the person's presence in it.

    `placed_at` is when the zone last got its outline, in seconds since 1970.
    """

    area: Area
    presence: Presence
    placed_at: float


class Surroundings:
    """All zones of a person. `decide` asks only the near ones; the decisions are the same as if all were asked.

    A person who is known to be outside a zone stays outside until they have moved as far as the zone was away.
    """

    def __init__(self, zones: Sequence[ZoneState]) -> None:
        self.zones = zones
        self._measured_at: Point | None = None
        self._gaps: list[tuple[float, int]] = []
        self._watched = {number for number, zone in enumerate(zones) if zone.presence.inside is not False}

    def decide(self, track: Track) -> Iterator[tuple[int, Decision]]:
        """Yield the number of each zone whose presence the track's last fix changes, with the decision.

        Updates the Presence in each such zone's state. Zones that got their outline after the fix are left out.
        """
        newest = track.seen[-1]
        for number in sorted(self._watched | self._near(newest.position)):
            zone = self.zones[number]
            if newest.at < zone.placed_at:
                continue
            decision = presence.decide(zone.area, zone.presence, track)
            if decision is not None:
                (self._watched.add if decision.inside else self._watched.discard)(number)
                yield number, decision

    def _near(self, position: Point) -> set[int]:
        moved_m = math.dist(self._measured_at, position) if self._measured_at else math.inf
        if moved_m > MEASURED_WITHIN_M:
            self._measured_at, moved_m = position, 0.0
            self._gaps = sorted((each.area.gap_m(position), number) for number, each in enumerate(self.zones))
        within = bisect_right(self._gaps, moved_m + _ROUNDING_M, key=lambda gap: gap[0])
        return {number for _, number in self._gaps[:within]}
