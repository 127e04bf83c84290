"""Decides from a person's track whether they entered or left one zone. Uses fixes in order of time, no database and no
clock.

No single fix decides an event. A position with an error of 60 m jumps over a boundary 10 m away all day long, and a
phone that saves its battery sends two fixes in half an hour. Fixes that agree for a minute (AGREED_S) decide an event,
if their mean is further from the boundary than its own error. The rarer fixes come, the fewer are needed. Only a
departure between good fixes (Rule.CROSSING) is decided sooner.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from geo.shapes import Point
from geo.track import AGREED_S, LEAST_MARGIN_M, Mean, Track, WeighedFix

# A single fix this many of its errors from the boundary says where somebody was at the beginning.
CERTAINTY_FIRST = 5.0
# A departure: good fixes, a movement over the boundary of MOVEMENT times both errors, to this many errors beyond it.
CLEAN_M = 20.0
MOVEMENT = 6.0
FAR_ERRORS, FAR_M = 10.0, 200.0
# The fix before the departure is at most this old: 250 m at a walk.
MOVED_WITHIN_S = 180.0
# An event this soon after the last of its kind is stored and texted to nobody.
COOL_DOWN_S = 300.0


class Rule(StrEnum):
    FIRST = "first"  # One fix, far from the boundary. A baseline, never an event.
    EVIDENCE = "evidence"  # A mean of several fixes is further away than its error.
    CROSSING = "crossing"  # A departure: good fixes on both sides and a movement between them.


class Area(Protocol):
    def signed_m(self, position: Point) -> float: ...

    def gap_m(self, position: Point) -> float: ...


@dataclass(slots=True)
class Presence:
    """A person's presence in one zone.

    `inside` is None while unknown. Times are in seconds since 1970: `since` of the last change, the others of the last
    events that were not quiet.
    """

    inside: bool | None = None
    since: float | None = None
    entered_at: float | None = None
    left_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The person is now known to be inside, or outside. `is_event`: before, they were known to be on the other side.

    `crossed_at`: when they crossed the boundary, in seconds since 1970, estimated from the fixes.
    """

    inside: bool
    is_event: bool
    rule: Rule
    distance_m: float
    margin_m: float
    fixes: int
    crossed_at: float
    is_quiet: bool = False  # Within COOL_DOWN_S of the last event of its kind.


def decide(area: Area, presence: Presence, track: Track) -> Decision | None:
    """Return the decision if the track's last fix changes the presence in one zone, else None.

    Also updates the object `presence`.
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
        found = _evidence(area, here_m, presence, track) or _departure(area, here_m, presence, track) or found
    return _moved(area, presence, track, found) if found else None


@dataclass(frozen=True, slots=True)
class _Found:
    rule: Rule
    distance_m: float
    margin_m: float
    fixes: int


def _evidence(area: Area, here_m: float, presence: Presence, track: Track) -> _Found | None:
    """Find a mean of the last fixes that is on the side of the last fix and further from the boundary than its own
    error.

    Returns the rule and the figures that decided, or None. The last fix must be beyond its own error too; if a mean has
    only two rare fixes, both must be. Only means of fixes since the last change of presence count: fixes on the way to
    a boundary say nothing about a halt just behind it.
    """
    newest = track.seen[-1]
    least_m = _own_margin(newest)
    if abs(here_m) < least_m:
        return None
    newer = newest
    for mean in track.means():
        oldest = mean.oldest
        if presence.since is not None and oldest.at <= presence.since:
            break
        if newer.at - oldest.at > AGREED_S and not _agrees(area, here_m, mean):
            break
        newer = oldest
        at_m, margin_m = area.signed_m(mean.position), max(mean.margin_m, least_m)
        if at_m * here_m > 0 and abs(at_m) > margin_m:
            return _Found(Rule.EVIDENCE, at_m, margin_m, mean.fixes)
    return None


def _agrees(area: Area, here_m: float, mean: Mean) -> bool:
    """Whether the oldest fix of `mean` is on the side of the last fix too. If the mean has only two fixes, the oldest
    must also be beyond its own error.
    """
    oldest_m = area.signed_m(mean.oldest.position)
    return oldest_m * here_m > 0 and (mean.fixes > 2 or abs(oldest_m) >= _own_margin(mean.oldest))


def _own_margin(fix: WeighedFix) -> float:
    return max(fix.error_m, LEAST_MARGIN_M)


def _departure(area: Area, here_m: float, presence: Presence, track: Track) -> _Found | None:
    """Find a movement out of the zone: from an earlier fix inside to the last fix, far outside.

    Returns the rule and the figures that decided, or None. The caller has checked that the last two fixes are on one
    side. An arrival has no such rule: a drive through a zone would be told as a visit.
    """
    if presence.inside is not True or len(track.seen) < 3:
        return None
    *earlier, second, newest = track.seen
    margin_m = max(FAR_ERRORS * newest.error_m, FAR_M)
    if here_m < margin_m or max(newest.error_m, second.error_m) > CLEAN_M:
        return None
    for fix in reversed(earlier):
        if newest.at - fix.at > MOVED_WITHIN_S:
            break
        errors_m = math.hypot(fix.error_m, newest.error_m)
        has_moved = fix.error_m <= CLEAN_M and math.dist(fix.position, newest.position) >= MOVEMENT * errors_m
        if has_moved and area.signed_m(fix.position) < 0:
            return _Found(Rule.CROSSING, here_m, margin_m, 2)
    return None


def _first(here_m: float, presence: Presence, newest: WeighedFix) -> _Found | None:
    margin_m = max(CERTAINTY_FIRST * newest.error_m, LEAST_MARGIN_M)
    if presence.inside is None and abs(here_m) > margin_m:
        return _Found(Rule.FIRST, here_m, margin_m, 1)
    return None


def _moved(area: Area, presence: Presence, track: Track, found: _Found) -> Decision:
    newest, inside = track.seen[-1], found.distance_m < 0
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
        crossed_at=_crossed_at(area, track, inside=inside),
    )


def _crossed_at(area: Area, track: Track, *, inside: bool) -> float:
    """When the boundary was crossed: between the last fix on the other side and the first on this one, in proportion to
    their distances from the boundary. Without a fix on the other side, the time of the track's oldest fix.
    """
    first = track.seen[-1]
    first_m = area.signed_m(first.position)
    for fix in reversed(track.seen[:-1]):
        fix_m = area.signed_m(fix.position)
        if (fix_m < 0) is not inside:
            return fix.at + (first.at - fix.at) * abs(fix_m) / max(abs(fix_m) + abs(first_m), 1.0)
        first, first_m = fix, fix_m
    return first.at
