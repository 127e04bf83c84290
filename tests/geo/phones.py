"""Made days of people with phones: where they truly were, and the fixes that their phones sent.

The figures are those of real phones. Errors hang together for minutes, and inside buildings for hours. Wi-Fi gives the
same position again and again. A phone that saves its battery sends a fix each 10 to 20 minutes, with bursts on the way.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from geo import shapes
from geo.track import TrackFix
from tests.geo.tracks import degrees

# Radius of 68 % of the fixes, which is what Android calls accuracy, in standard deviations of one axis.
RADIUS_68 = 1.51
DAY_S = 86_400.0


class Stated(StrEnum):
    """How the accuracy that a phone states compares with its error."""

    HONEST = "honest"
    MISSING = "missing"
    TOO_GOOD = "too good"
    TOO_BAD = "too bad"


@dataclass(frozen=True)
class Leg:
    """A halt at a place, or a way between two, from `begins` to `ends` (seconds)."""

    begins: float
    ends: float
    start: tuple[float, float]
    end: tuple[float, float]

    @property
    def is_halt(self) -> bool:
        return self.start == self.end

    def at(self, moment: float) -> tuple[float, float]:
        part = 0.0 if self.is_halt else (moment - self.begins) / (self.ends - self.begins)
        return (
            self.start[0] + part * (self.end[0] - self.start[0]),
            self.start[1] + part * (self.end[1] - self.start[1]),
        )


@dataclass(frozen=True)
class Life:
    """Some days of one person: legs without a gap, and the places of the halts (metres east and north)."""

    legs: Sequence[Leg]
    places: Sequence[tuple[float, float]]

    def at(self, moment: float) -> tuple[float, float]:
        low, high = 0, len(self.legs) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.legs[middle].begins <= moment else (low, middle - 1)
        return self.legs[low].at(moment)


def life(seed: int, *, days: int) -> Life:
    """Home, school or work, errands near and far, at a walk and by car."""
    chance = random.Random(f"life {seed}")
    home = (0.0, 0.0)
    places = [home, *(_somewhere(chance) for _ in range(4))]
    legs: list[Leg] = []
    for day in range(days):
        here, moment = home, day * DAY_S
        moment = _halt(legs, home, moment, day * DAY_S + chance.uniform(7, 8.5) * 3600)
        for stay_h in (chance.uniform(3, 6), chance.uniform(0.4, 1.5), chance.uniform(0.5, 3), chance.uniform(0.3, 2)):
            there = chance.choice([place for place in places if place != here])
            moment = _way(legs, here, there, moment, chance)
            moment, here = _halt(legs, there, moment, moment + stay_h * 3600), there
        if here != home:
            moment = _way(legs, here, home, moment, chance)
        _halt(legs, home, moment, (day + 1) * DAY_S)
    return Life(legs, places)


def _somewhere(chance: random.Random) -> tuple[float, float]:
    far, angle = math.exp(chance.uniform(math.log(450), math.log(9_000))), chance.uniform(0, math.tau)
    return far * math.cos(angle), far * math.sin(angle)


def _halt(legs: list[Leg], place: tuple[float, float], begins: float, ends: float) -> float:
    legs.append(Leg(begins, ends, place, place))
    return ends


def _way(
    legs: list[Leg], here: tuple[float, float], there: tuple[float, float], begins: float, chance: random.Random
) -> float:
    far = math.dist(here, there)
    speed = chance.uniform(1.1, 1.6) if far < 1_500 else chance.uniform(6, 14)
    legs.append(Leg(begins, begins + far / speed, here, there))
    return begins + far / speed


@dataclass(frozen=True)
class Seen:
    """A fix as a phone sends it, with the seconds since the first day began and the accuracy it states."""

    at: float
    east_m: float
    north_m: float
    accuracy_m: float | None

    def fix(self) -> TrackFix:
        position = shapes.point(*degrees(self.east_m, self.north_m))
        return TrackFix.reported(at=self.at, position=position, accuracy_m=self.accuracy_m)


def phone(lived: Life, *, seed: int, every_s: float, stated: Stated = Stated.HONEST) -> list[Seen]:
    """The fixes that a phone sends during this life. `every_s` over 300 means a phone that saves its battery."""
    return list(_fixes(lived, random.Random(f"phone {seed} {every_s}"), every_s, stated))


def _fixes(lived: Life, chance: random.Random, every_s: float, stated: Stated) -> Iterator[Seen]:
    for number, leg in enumerate(lived.legs):
        radius = _radius(chance, indoors=leg.is_halt)
        sigma = radius / RADIUS_68
        # Most of the error inside a building is one offset of hours.
        share = 0.8 if leg.is_halt else 0.0
        offset = [chance.gauss(0, sigma * math.sqrt(share)) for _ in range(2)]
        wander, last_at, kept = [0.0, 0.0], leg.begins, None
        for at in _moments(chance, leg, every_s):
            if _sleeps(at, number):
                continue
            fades = math.exp(-(at - last_at) / 150)
            fresh = sigma * math.sqrt((1 - share) * (1 - fades**2))
            wander = [fades * each + chance.gauss(0, fresh) for each in wander]
            last_at = at
            true = lived.at(at)
            here = (true[0] + offset[0] + wander[0], true[1] + offset[1] + wander[1])
            if leg.is_halt and kept and chance.random() < 0.4:
                here = kept  # Wi-Fi gives the same position again.
            kept = here
            if chance.random() < 0.003:  # The position of a cell tower.
                cell = chance.uniform(500, 2_000)
                yield Seen(at, true[0] + chance.gauss(0, cell / 2), true[1] + chance.gauss(0, cell / 2), cell)
                continue
            yield Seen(at, *here, _states(radius, stated, chance))


def _radius(chance: random.Random, *, indoors: bool) -> float:
    """The 68 % radius of the errors of one leg: log-normal, with a median of 20 m."""
    return min(300.0, max(4.0, math.exp(chance.gauss(math.log(24 if indoors else 12), 0.55))))


def _states(radius: float, stated: Stated, chance: random.Random) -> float | None:
    seen = radius * math.exp(chance.gauss(0, 0.15))
    return {Stated.HONEST: seen, Stated.MISSING: None, Stated.TOO_GOOD: seen / 3, Stated.TOO_BAD: seen * 3}[stated]


def _sleeps(at: float, leg: int) -> bool:
    """Every other night the phone sends nothing from 1 to 5 o'clock."""
    return int(at // DAY_S) % 2 == 0 and 3_600 <= at % DAY_S < 18_000


def _moments(chance: random.Random, leg: Leg, every_s: float) -> Iterator[float]:
    at = leg.begins + chance.uniform(0, every_s)
    while at < leg.ends:
        yield at
        if every_s <= 300:
            at += every_s * chance.uniform(0.9, 1.2)
        elif not leg.is_halt and chance.random() < 0.5:
            at += chance.uniform(20, 60)  # A burst on the way.
        else:
            at += every_s * chance.uniform(0.5, 1.0)
