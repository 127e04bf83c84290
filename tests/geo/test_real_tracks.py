"""Wrong and missed events of real drives, beside the naive rule, in zones of three sizes all along each drive.

A drive through a zone is no visit: a crossing counts if both sides last for VISIT_S.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from geo.shapes import Circle
from geo.track import AGREED_S, TrackFix
from tests.geo.drives import DRIVES, drive, positions
from tests.geo.tracks import naive, replay

RADII = (100, 200, 500)
# A visit goes this far into the zone, and this far out again.
CLEAR_M = 30.0
VISIT_S = 120.0


@dataclass
class Count:
    """Sums over all zones. `wrong`: events without a crossing. `late`: most fixes between crossing and event."""

    crossings: int = 0
    wrong: int = 0
    missed: int = 0
    naive: int = 0
    late: int = 0


def _count(radius_m: float, *, every_s: int, accuracy_m: float = 10, noise_m: float = 0) -> Count:
    count = Count()
    for number in DRIVES:
        exact = drive(number, every_s=every_s, accuracy_m=accuracy_m)
        seen = drive(number, every_s=every_s, accuracy_m=accuracy_m, noise_m=noise_m)
        for centre in positions(number)[::50]:
            _add(count, Circle(centre, radius_m), exact, seen)
    return count


def _add(count: Count, area: Circle, exact: Sequence[TrackFix], seen: Sequence[TrackFix]) -> None:
    crossings, events = list(_crossings(area, exact)), replay(area, seen)
    count.crossings += len(crossings)
    count.wrong += max(0, len(events) - naive(area, exact))
    count.missed += max(0, len(crossings) - len(events))
    count.naive += naive(area, seen)
    if [inside for inside, _ in crossings] == [event.decision.inside for event in events]:
        count.late = max([count.late, *(e.number - n for (_, n), e in zip(crossings, events, strict=True))])


def _crossings(area: Circle, track: Sequence[TrackFix]) -> Iterator[tuple[bool, int]]:
    """Crossings into (True) and out of the zone between two visits, each with the number of its first clear fix."""
    sides: list[tuple[bool, int]] = []
    for number, fix in enumerate(track):
        signed_m = area.signed_m(fix.position)
        if abs(signed_m) >= CLEAR_M and (not sides or sides[-1][0] is not (signed_m < 0)):
            sides.append((signed_m < 0, number))
    ends = [number for _, number in sides[1:]] + [len(track) - 1]
    visits = [side for side, end in zip(sides, ends, strict=True) if track[end].at - track[side[1]].at >= VISIT_S]
    yield from (after for before, after in itertools.pairwise(visits) if before[0] is not after[0])


@pytest.mark.parametrize("radius_m", [200, 500])
@pytest.mark.parametrize("every_s", [1, 5, 10])
def test_every_crossing_is_reported_once(radius_m: float, every_s: int) -> None:
    count = _count(radius_m, every_s=every_s)
    print(f"\n{radius_m} m, every {every_s} s: {count}")
    assert count.crossings > 2
    assert (count.wrong, count.missed) == (0, 0)
    assert count.late * every_s <= AGREED_S + 30 + 2 * every_s


@pytest.mark.parametrize("radius_m", RADII)
@pytest.mark.parametrize("every_s", [1, 5, 10])
@pytest.mark.parametrize("noise_m", [15, 60])
def test_noise_makes_no_event_of_its_own(radius_m: float, every_s: int, noise_m: float) -> None:
    count = _count(radius_m, every_s=every_s, accuracy_m=noise_m, noise_m=noise_m)
    print(f"\n{radius_m} m, every {every_s} s, noise {noise_m} m: {count}")
    assert count.wrong == 0
    assert count.naive > count.crossings
