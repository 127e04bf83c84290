"""A person's last fixes, as geo/presence.py uses them. Implausible jumps are set apart.

Each fix has the error that evaluation counts with, in metres, which may differ from the accuracy that the phone states
(geo/errors.py). `means` gives the mean position of the last 2, of the last 3 and of more fixes.
"""

import math
from dataclasses import dataclass, field

from geo.errors import PhoneErrors
from geo.shapes import Point, distance_m

# The mean must be further from the boundary than this many of its standard errors, when fixes come fast. Measured on
# generated tracks of 8 hours at 90 m from the centre of a 100 m zone, with noise of 60 m: with 4, 2 of 60 tracks had a
# wrong event; with 5, 0 of 500. Rare fixes are fewer chances to be wrong, so fewer standard errors are enough.
CERTAINTY_FAST, FAST_S = 5.0, 10.0
CERTAINTY_RARE, RARE_S = 2.0, 300.0
# The mean must be at least this far from the boundary: a shift that all fixes share does not average out.
LEAST_MARGIN_M = 15.0
# Fixes must agree for this long. Nobody is told of a drive past a zone, and two wrong fixes decide nothing.
AGREED_S = 60.0
# Fixes of this time are averaged, and at least FEWEST of a phone that sends few, within OLDEST_S.
DWELL_S = 300.0
FEWEST, OLDEST_S = 8, 7_200.0
MOST = 30
# Fixes closer together than this share one error. They count less, in proportion to the time between them.
INDEPENDENT_AFTER_S = 10.0
# A faster movement than trains and cars here is a jump. So is a stronger acceleration, after a leeway for errors.
FASTEST_MPS = 70.0
ACCELERATION_MPS2 = 1.5
SPEED_LEEWAY_MPS = 10.0
# Jumps that agree with each other this long are believed: a flight, a tunnel, or the fix before was the wrong one.
BELIEVED_AFTER_S, BELIEVED_FIXES = 60.0, 3

# Numbers of last fixes whose means are tried.
_LADDER = frozenset((*range(2, FEWEST + 1), 12, 16, 24, MOST))


@dataclass(frozen=True, slots=True)
class TrackFix:
    """A fix as the phone sent it: its time in seconds since 1970, its point in space, and the accuracy it states.

    An accuracy of 0 or less means unknown to Android and invalid to iOS: it is None here.
    """

    at: float
    position: Point
    stated_m: float | None

    @classmethod
    def reported(cls, *, at: float, position: Point, accuracy_m: float | None) -> "TrackFix":
        return cls(at, position, accuracy_m if accuracy_m and accuracy_m > 0 else None)


@dataclass(frozen=True, slots=True)
class WeighedFix:
    """A fix with the error that evaluation counts with, in metres."""

    at: float
    position: Point
    error_m: float


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean position of the track's last `fixes` fixes; `oldest` is the first of these in time.

    The mean can decide only about a boundary that is further away than `margin_m`.
    """

    position: Point
    margin_m: float
    fixes: int
    oldest: WeighedFix


@dataclass(slots=True)
class Track:
    """A person's last fixes, the oldest first. `seen`: fixes that were plausible. `doubted`: the newest fixes, if they
    are too far from `seen` to be reached in the time between.
    """

    seen: list[WeighedFix] = field(default_factory=list)
    doubted: list[WeighedFix] = field(default_factory=list)
    speed_mps: float = 0.0
    errors: PhoneErrors = field(default_factory=PhoneErrors)
    _means: list[Mean] | None = None

    def take(self, reported: TrackFix) -> bool:
        """Add the fix to `seen` if it could be reached from the last one (FASTEST_MPS, ACCELERATION_MPS2), else to
        `doubted`.

        If at least BELIEVED_FIXES doubted fixes agree with each other for BELIEVED_AFTER_S, they replace `seen`.
        Returns whether the fix is now the last of `seen`.
        """
        fix = WeighedFix(reported.at, reported.position, self.errors.of(reported.stated_m))
        if self.seen and (self._goes_on_jumping(fix) or not self._is_plausible(fix)):
            return self._doubt(fix)
        self.doubted.clear()
        self._add(fix)
        return True

    def means(self) -> list[Mean]:
        """The means of the last 2, 3, 4 … fixes (_LADDER), from the first mean whose fixes span AGREED_S.

        Computed once for all zones, and only if a zone needs them.
        """
        if self._means is None:
            self._means = self._find_means()
        return self._means

    def _find_means(self) -> list[Mean]:
        found, weight, x, y, z = [], 0.0, 0.0, 0.0, 0.0
        newest = newer = self.seen[-1]
        for count, fix in enumerate(reversed(self.seen), start=1):
            w = fix.error_m**-2
            if count > 1:
                w *= min(1.0, (newer.at - fix.at) / INDEPENDENT_AFTER_S)
            newer = fix
            weight, px, py, pz = weight + w, *fix.position
            x, y, z = x + w * px, y + w * py, z + w * pz
            span_s = newest.at - fix.at
            if count in _LADDER and span_s >= AGREED_S:
                certainty = _certainty(span_s / (count - 1))
                mean = (x / weight, y / weight, z / weight)
                found.append(Mean(mean, max(LEAST_MARGIN_M, certainty / math.sqrt(weight)), count, fix))
        return found

    def _add(self, fix: WeighedFix) -> None:
        self._means = None
        self.errors.learn(fix.at, fix.position)
        if self.seen:
            self.speed_mps = _speed(self.seen[-1], fix)
        # Thin out older fixes that came fast: their common error counts once.
        if len(self.seen) > 2 and self.seen[-2].at - self.seen[-3].at < INDEPENDENT_AFTER_S:
            del self.seen[-2]
        self.seen.append(fix)
        while len(self.seen) > 2 and self._is_too_old(self.seen[0], now=fix.at):
            del self.seen[0]

    def _is_too_old(self, fix: WeighedFix, *, now: float) -> bool:
        age_s = now - fix.at
        return len(self.seen) > MOST or age_s > OLDEST_S or (age_s > DWELL_S and len(self.seen) > FEWEST)

    def _is_plausible(self, fix: WeighedFix) -> bool:
        last, speed_mps = self.seen[-1], _speed(self.seen[-1], fix)
        if len(self.seen) == 1:
            return speed_mps <= FASTEST_MPS
        reachable = self.speed_mps + SPEED_LEEWAY_MPS + ACCELERATION_MPS2 * (fix.at - last.at)
        return speed_mps <= min(FASTEST_MPS, reachable)

    def _goes_on_jumping(self, fix: WeighedFix) -> bool:
        """Whether the fix is nearer to the last doubted fix than to the last of `seen`; False without a doubted fix.

        Without this check, a jump would become plausible after some time.
        """
        return bool(self.doubted) and math.dist(self.doubted[-1].position, fix.position) < math.dist(
            self.seen[-1].position, fix.position
        )

    def _doubt(self, fix: WeighedFix) -> bool:
        if self.doubted and _speed(self.doubted[-1], fix) > FASTEST_MPS:
            self.doubted.clear()
        self.doubted.append(fix)
        believed = len(self.doubted) >= BELIEVED_FIXES and fix.at - self.doubted[0].at >= BELIEVED_AFTER_S
        if believed:
            self.seen, self.speed_mps = [], 0.0
            for each in self.doubted:
                self._add(each)
            self.doubted = []
        return believed


def _certainty(interval_s: float) -> float:
    """How many standard errors from the boundary a mean must be, if its fixes are `interval_s` apart. The number falls
    with the logarithm of the interval, from CERTAINTY_FAST to CERTAINTY_RARE.
    """
    if interval_s <= FAST_S:
        return CERTAINTY_FAST
    part = min(1.0, math.log(interval_s / FAST_S) / math.log(RARE_S / FAST_S))
    return CERTAINTY_FAST + part * (CERTAINTY_RARE - CERTAINTY_FAST)


def _speed(a: WeighedFix, b: WeighedFix) -> float:
    """The least speed from fix `a` to fix `b`, in m/s, with the errors of both taken off the distance."""
    return max(0.0, distance_m(a.position, b.position) - a.error_m - b.error_m) / max(b.at - a.at, 1.0)
