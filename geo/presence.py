"""Decides from a person's fixes whether they entered or left one zone. A fold over fixes, without database or clock.

Events must not flap. A position with an error of 60 m jumps over a boundary 10 m away all day long. So no single fix
decides an event. The mean position of several fixes decides it, when the mean is further from the boundary than its own
error. Only a movement that can be seen, with good fixes on both sides of the boundary, is believed sooner.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from geo.shapes import Point, distance_m

# A phone reports an error of 3 m when its error is larger. Reflections from buildings shift it by about this much.
LEAST_ACCURACY_M = 5.0
# Error of a fix that does not state one: between those of Wi-Fi and GPS.
UNSTATED_ACCURACY_M = 50.0
# The mean must be further from the boundary than this many of its standard errors. Measured on generated tracks of
# 8 hours at 90 m from the centre of a 100 m zone, with noise of 60 m: with 4, 2 of 60 tracks had a wrong event; with 5,
# 0 of 500.
CERTAINTY = 5.0
# The mean must be at least this far from the boundary: a shift that all fixes share does not average out.
LEAST_MARGIN_M = 10.0
# Fixes of this time are averaged. With a longer time, noisy crossings are reported later. With a shorter one, noise of
# 60 m never ends.
DWELL_S = 300.0
# Fixes closer together than this share one error. They count less, in proportion to the time between them.
INDEPENDENT_AFTER_S = 10.0
# A second fix confirms the first within this time. It is long for phones that save battery.
CONFIRMED_WITHIN_S = 1_800.0
# A fix with at most this error has moved if it is further from an earlier one than MOVEMENT times the errors of both.
CLEAN_M = 20.0
MOVEMENT = 6.0
# The earlier fix is at most this old: 250 m at a walk.
MOVED_WITHIN_S = 180.0
# A faster movement than trains and cars here is a jump. So is a stronger acceleration, after a leeway for errors.
FASTEST_MPS = 70.0
ACCELERATION_MPS2 = 1.5
SPEED_LEEWAY_MPS = 10.0
# Jumps that agree with each other this long are believed: a flight, a tunnel, or the fix before was the wrong one.
BELIEVED_AFTER_S, BELIEVED_FIXES = 60.0, 3
# An event this soon after the last of its kind is stored and texted to nobody.
COOL_DOWN_S = 300.0

# Numbers of last fixes whose means are tried.
_LADDER = (2, 4, 8, 16, 24, 30)


class Rule(StrEnum):
    FIRST = "first"  # One fix, far from the boundary. A baseline, never an event.
    EVIDENCE = "evidence"  # A mean of several fixes is further away than its error.
    CROSSING = "crossing"  # Good fixes on both sides and a movement between them.


class Area(Protocol):
    def signed_m(self, position: Point) -> float: ...

    def gap_m(self, position: Point) -> float: ...


@dataclass(frozen=True, slots=True)
class TrackFix:
    """A fix as presence uses it: its time in seconds, its point in space, and its error, at least LEAST_ACCURACY_M."""

    at: float
    position: Point
    accuracy_m: float

    @classmethod
    def reported(cls, *, at: float, position: Point, accuracy_m: float | None) -> "TrackFix":
        stated = UNSTATED_ACCURACY_M if accuracy_m is None else accuracy_m
        return cls(at, position, max(stated, LEAST_ACCURACY_M))


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean position of the last `fixes` fixes, the first of them at `since`.

    The mean can decide for a boundary that is further away than `margin_m`.
    """

    position: Point
    margin_m: float
    fixes: int
    since: float


@dataclass(slots=True)
class Track:
    """A person's last fixes: believed ones (`seen`), oldest first, and those too far away to be believed yet
    (`doubted`).
    """

    seen: list[TrackFix] = field(default_factory=list)
    doubted: list[TrackFix] = field(default_factory=list)
    speed_mps: float = 0.0
    _means: list[Mean] | None = None

    def take(self, fix: TrackFix) -> bool:
        """Add the fix to the track; return whether it is believed. A believed fix is now the last of `seen`."""
        if self.seen and (self._goes_on_jumping(fix) or not self._is_plausible(fix)):
            return self._doubt(fix)
        self.doubted.clear()
        self._add(fix)
        return True

    def means(self) -> list[Mean]:
        """The means of the last 2, 4, 8 … fixes within DWELL_S.

        Computed once for all zones, and only if a zone needs them.
        """
        if self._means is None:
            self._means = self._find_means()
        return self._means

    def _find_means(self) -> list[Mean]:
        found, weight, x, y, z = [], 0.0, 0.0, 0.0, 0.0
        newest = newer = self.seen[-1]
        for count, fix in enumerate(reversed(self.seen), start=1):
            if count > 2 and newest.at - fix.at > DWELL_S:
                break
            w = fix.accuracy_m**-2
            if count > 1:
                w *= min(1.0, (newer.at - fix.at) / INDEPENDENT_AFTER_S)
            newer = fix
            weight, px, py, pz = weight + w, *fix.position
            x, y, z = x + w * px, y + w * py, z + w * pz
            if count in _LADDER:
                mean = (x / weight, y / weight, z / weight)
                found.append(Mean(mean, max(LEAST_MARGIN_M, CERTAINTY / math.sqrt(weight)), count, fix.at))
        return found

    def _add(self, fix: TrackFix) -> None:
        self._means = None
        if self.seen:
            self.speed_mps = _speed(self.seen[-1], fix)
        # Thin out older fixes that came fast: their common error counts once.
        if len(self.seen) > 2 and self.seen[-2].at - self.seen[-3].at < INDEPENDENT_AFTER_S:
            del self.seen[-2]
        self.seen.append(fix)
        oldest = fix.at - DWELL_S
        while len(self.seen) > 2 and (self.seen[0].at < oldest or len(self.seen) > _LADDER[-1]):
            del self.seen[0]
        if len(self.seen) == 2 and self.seen[0].at < fix.at - CONFIRMED_WITHIN_S:
            del self.seen[0]

    def _is_plausible(self, fix: TrackFix) -> bool:
        last, speed_mps = self.seen[-1], _speed(self.seen[-1], fix)
        if len(self.seen) == 1:
            return speed_mps <= FASTEST_MPS
        reachable = self.speed_mps + SPEED_LEEWAY_MPS + ACCELERATION_MPS2 * (fix.at - last.at)
        return speed_mps <= min(FASTEST_MPS, reachable)

    def _goes_on_jumping(self, fix: TrackFix) -> bool:
        """Whether the fix is nearer to the last doubted fix than to the last believed one.

        Without this check, a jump would become plausible after some time.
        """
        return bool(self.doubted) and math.dist(self.doubted[-1].position, fix.position) < math.dist(
            self.seen[-1].position, fix.position
        )

    def _doubt(self, fix: TrackFix) -> bool:
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


@dataclass(slots=True)
class Presence:
    """A person's presence in one zone.

    `inside` is None while unknown. Times are in seconds; `since` is of the last change.
    """

    inside: bool | None = None
    since: float | None = None
    entered_at: float | None = None
    left_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The person is now known to be inside, or outside. `is_event`: before, they were known to be on the other side."""

    inside: bool
    is_event: bool
    rule: Rule
    distance_m: float
    margin_m: float
    fixes: int
    is_quiet: bool = False  # Within COOL_DOWN_S of the last event of its kind.


def decide(area: Area, presence: Presence, track: Track) -> Decision | None:
    """Return the change of presence in one zone that the track's last fix causes, or None.

    Writes the change to `presence`.
    """
    newest = track.seen[-1]
    if presence.inside is False and area.gap_m(newest.position) > 0:
        return None
    here_m = area.signed_m(newest.position)
    if (here_m < 0) is presence.inside:
        return None
    found = _first(here_m, presence, newest)
    # The fix before confirms the last one if it is on the same side.
    if len(track.seen) > 1 and area.signed_m(track.seen[-2].position) * here_m > 0:
        found = _evidence(area, here_m, presence, track.means()) or _crossing(area, here_m, presence, track) or found
    return _moved(presence, newest, found) if found else None


@dataclass(frozen=True, slots=True)
class _Found:
    rule: Rule
    distance_m: float
    margin_m: float
    fixes: int


def _evidence(area: Area, here_m: float, presence: Presence, means: Iterable[Mean]) -> _Found | None:
    """Find a mean of the last fixes that is on the side of the last fix and further from the boundary than its own
    error.

    Returns the rule and the figures that decided, or None. Only means of fixes since the last change of presence count:
    fixes on the way to a boundary say nothing about a halt just behind it.
    """
    for mean in means:
        if presence.since is not None and mean.since <= presence.since:
            break
        at_m = area.signed_m(mean.position)
        if at_m * here_m > 0 and abs(at_m) > mean.margin_m:
            return _Found(Rule.EVIDENCE, at_m, mean.margin_m, mean.fixes)
    return None


def _crossing(area: Area, here_m: float, presence: Presence, track: Track) -> _Found | None:
    """Find a movement across the boundary: from an earlier fix on the other side to the last fix, further than both
    errors.

    Returns the rule and the figures that decided, or None. The caller has checked that the last two fixes are on one
    side.
    """
    if presence.inside is None or len(track.seen) < 3:
        return None
    *earlier, second, newest = track.seen
    margin_m = max(newest.accuracy_m, LEAST_MARGIN_M)
    if abs(here_m) < margin_m or max(newest.accuracy_m, second.accuracy_m) > CLEAN_M:
        return None
    for fix in reversed(earlier):
        if newest.at - fix.at > MOVED_WITHIN_S:
            break
        errors_m = math.hypot(fix.accuracy_m, newest.accuracy_m)
        has_moved = fix.accuracy_m <= CLEAN_M and math.dist(fix.position, newest.position) >= MOVEMENT * errors_m
        if has_moved and area.signed_m(fix.position) * here_m < 0:
            return _Found(Rule.CROSSING, here_m, margin_m, 2)
    return None


def _first(here_m: float, presence: Presence, newest: TrackFix) -> _Found | None:
    margin_m = max(CERTAINTY * newest.accuracy_m, LEAST_MARGIN_M)
    if presence.inside is None and abs(here_m) > margin_m:
        return _Found(Rule.FIRST, here_m, margin_m, 1)
    return None


def _moved(presence: Presence, newest: TrackFix, found: _Found) -> Decision:
    inside = found.distance_m < 0
    is_event = presence.inside is not None
    last = presence.entered_at if inside else presence.left_at
    is_quiet = is_event and last is not None and newest.at - last < COOL_DOWN_S
    presence.inside, presence.since = inside, newest.at
    if is_event and not is_quiet:
        if inside:
            presence.entered_at = newest.at
        else:
            presence.left_at = newest.at
    return Decision(
        inside=inside,
        is_event=is_event,
        is_quiet=is_quiet,
        rule=found.rule,
        distance_m=found.distance_m,
        margin_m=found.margin_m,
        fixes=found.fixes,
    )


def _speed(a: TrackFix, b: TrackFix) -> float:
    """The least speed from fix `a` to fix `b`, in m/s, with the accuracy of both taken off the distance."""
    return max(0.0, distance_m(a.position, b.position) - a.accuracy_m - b.accuracy_m) / max(b.at - a.at, 1.0)
