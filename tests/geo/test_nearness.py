"""Asking only the zones near by decides exactly what asking every zone decides."""

import random
from typing import Any

import pytest

from geo import presence, shapes
from geo.nearness import Surroundings, ZoneState
from geo.presence import Presence
from geo.track import Track, TrackFix
from tests.bench.positions import city
from tests.geo.tracks import LATITUDE, LONGITUDE, degrees


def _areas(count: int) -> list[Any]:
    circles: list[Any] = [shapes.circle(latitude=a, longitude=b, radius_m=radius) for a, b, radius in city(count)]
    corners = [degrees(east, north) for east, north in ((-900, -700), (1200, -500), (300, 1500), (-900, -700))]
    return [*circles, shapes.polygon(tuple((longitude, latitude) for latitude, longitude in corners))]


def _errand(chance: random.Random, count: int) -> list[TrackFix]:
    """A way through the city with halts, noise, tunnels and jumps."""
    east, north, at, fixes = 0.0, 0.0, 1e9, []
    for _ in range(count):
        at += chance.choice([1, 10, 10, 10, 600])
        speed = chance.choice([0, 0, 1.5, 15])
        east, north = east + chance.uniform(-1, 1) * speed * 10, north + chance.uniform(-1, 1) * speed * 10
        jump = 20_000 if chance.random() < 0.02 else 0
        accuracy = chance.choice([5.0, 15.0, 60.0, None, 3_000.0])
        noise = (accuracy or 20) * chance.gauss(0, 0.5)
        position = shapes.point(*degrees(east + noise + jump, north - noise))
        fixes.append(TrackFix.reported(at=at, position=position, accuracy_m=accuracy))
    return fixes


@pytest.mark.parametrize("seed", range(8))
def test_near_zones_are_all_that_can_change(seed: int) -> None:
    chance = random.Random(seed)
    assert degrees(0, 0) == (LATITUDE, LONGITUDE)
    areas = _areas(400)
    # Some zones are made or moved on the way.
    since = [1e9 + chance.choice([0, 0, 20_000]) for _ in areas]
    surroundings = Surroundings([ZoneState(area, Presence(), at) for area, at in zip(areas, since, strict=True)])
    everywhere = [Presence() for _ in areas]
    ours, theirs = Track(), Track()
    decided = 0
    for fix in _errand(chance, 2_000):
        taken = ours.take(fix)
        assert theirs.take(fix) is taken
        if not taken:
            continue
        expected = [
            (number, decision)
            for number, (area, there) in enumerate(zip(areas, everywhere, strict=True))
            if fix.at >= since[number] and (decision := presence.decide(area, there, theirs))
        ]
        assert list(surroundings.decide(ours)) == expected
        decided += len(expected)
    assert [zone.presence for zone in surroundings.zones] == everywhere
    assert decided > len(areas)
