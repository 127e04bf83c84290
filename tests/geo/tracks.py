"""Generated tracks, and the events of our rule and of the naive rule that open trackers use."""

import itertools
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from geo import shapes
from geo.presence import Decision, Presence, decide
from geo.shapes import Circle, Shape
from geo.track import Track, TrackFix

LATITUDE, LONGITUDE = 42.8746, 74.5698
METRES_NORTH = 111_084.0  # One degree, at LATITUDE.
METRES_EAST = shapes.WGS84.inv(LONGITUDE, LATITUDE, LONGITUDE + 0.01, LATITUDE)[2] * 100


def degrees(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude of a position this far from the zone's centre."""
    return LATITUDE + north_m / METRES_NORTH, LONGITUDE + east_m / METRES_EAST


def zone(radius_m: float = 100) -> Circle:
    return shapes.circle(latitude=LATITUDE, longitude=LONGITUDE, radius_m=radius_m)


def track_fix(at: float, east_m: float, north_m: float = 0, *, accuracy_m: float = 10) -> TrackFix:
    return TrackFix.reported(at=at, position=shapes.point(*degrees(east_m, north_m)), accuracy_m=accuracy_m)


def standing(
    distance_m: float, *, seed: int, hours: float = 8, every_s: float = 10, sigma_m: float = 60
) -> Iterator[TrackFix]:
    """Stand at a distance from the centre, with noise that the fixes report as their accuracy."""
    noise = random.Random(f"{seed} {distance_m}")
    for number in range(int(hours * 3600 / every_s)):
        east, north = distance_m + noise.gauss(0, sigma_m), noise.gauss(0, sigma_m)
        yield track_fix(number * every_s, east, north, accuracy_m=sigma_m)


def moving(
    legs: Iterable[tuple[float, float]], *, speed_mps: float, every_s: float, sigma_m: float, seed: int
) -> Iterator[tuple[float, TrackFix]]:
    """Move along legs (metres from the centre, seconds to stay there). Yields the true distance and the fix."""
    noise = random.Random(f"{seed} {speed_mps}")
    at, here = 0.0, None
    for target, stay_s in legs:
        here = target if here is None else here
        path = [here]
        while path[-1] != target:
            step = speed_mps * every_s
            path.append(target if abs(target - path[-1]) <= step else path[-1] + math.copysign(step, target - path[-1]))
        for east in path[1:] + [target] * int(stay_s / every_s):
            fix = track_fix(at, east + noise.gauss(0, sigma_m), noise.gauss(0, sigma_m), accuracy_m=sigma_m)
            yield east, fix
            at += every_s
        here = target


@dataclass(frozen=True)
class Event:
    number: int  # Number of the deciding fix.
    decision: Decision


def replay(area: Shape, fixes: Iterable[TrackFix]) -> list[Event]:
    return list(_events(area, fixes))


def _events(area: Shape, fixes: Iterable[TrackFix]) -> Iterator[Event]:
    track, presence = Track(), Presence()
    for number, seen in enumerate(fixes):
        if track.take(seen):
            decision = decide(area, presence, track)
            if decision and decision.is_event:
                yield Event(number, decision)


def naive(area: Shape, fixes: Iterable[TrackFix]) -> int:
    """The number of events of the rule that compares only the last two positions."""
    inside = [area.signed_m(seen.position) < 0 for seen in fixes]
    return sum(before != after for before, after in itertools.pairwise(inside))
