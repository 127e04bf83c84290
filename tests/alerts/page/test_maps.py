"""Map tiles: values worked out by hand from the Web Mercator formulas, and properties that hold everywhere."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.page import maps

BISHKEK = (42.8746, 74.5698)


@pytest.fixture(autouse=True)
def tile_server(settings: Any) -> None:
    settings.MAP_TILE_URL = "https://tile.example/{z}/{x}/{y}.png"


def test_the_place_is_on_its_tile() -> None:
    # n = 2^16; x = (74.5698 + 180) / 360 * n = 46343.02; y = (1 - asinh(tan 42.8746°) / pi) / 2 * n = 24112.34.
    found = maps.map_of(*BISHKEK, accuracy_m=None, trail=())
    assert found is not None
    assert found.tiles[0][0] == "https://tile.example/16/46342/24111.png"
    assert found.tiles[1][2] == "https://tile.example/16/46344/24112.png"
    assert (found.x, found.y) == (260.6, 342.7)


@given(st.floats(-85, 85), st.floats(-180, 180), st.none() | st.floats(0, 100_000))
def test_the_place_is_in_the_middle_of_what_is_seen(
    latitude: float, longitude: float, accuracy_m: float | None
) -> None:
    found = maps.map_of(latitude, longitude, accuracy_m=accuracy_m, trail=[(latitude, longitude)])
    assert found is not None
    assert 0 <= found.column < maps.TILE / maps.SHIFT
    assert 0 <= found.row < maps.TILE / maps.SHIFT
    assert abs(found.x - (256 + 8 + 16 * found.column)) <= 8.1
    assert abs(found.y - (128 + 8 + 16 * found.row)) <= 8.1
    assert len(found.tiles) == 2
    tiles = [tile for row in found.tiles for tile in row if tile]
    assert tiles
    for tile in tiles:
        zoom, x, y = map(int, re.findall(r"/(\d+)/(\d+)/(\d+)\.png", tile)[0])
        assert 0 <= x < 2**zoom
        assert 0 <= y < 2**zoom


def test_a_less_accurate_position_shows_a_larger_area() -> None:
    exact, vague = (maps.map_of(*BISHKEK, accuracy_m=m, trail=()) for m in (15, 2_000))
    assert exact is not None
    assert vague is not None
    assert "/16/" in exact.tiles[0][0]
    assert "/12/" in vague.tiles[0][0]
    assert exact.radius == pytest.approx(15 / 1.75, rel=0.01)
    assert 2 * vague.radius <= 200


def test_the_way_is_drawn_from_the_oldest_fix() -> None:
    found = maps.map_of(*BISHKEK, accuracy_m=None, trail=[(42.8746, 74.5687), BISHKEK])
    assert found is not None
    assert found.trail == "209,343 261,343"


@pytest.mark.parametrize("latitude", [-90, 90, 85.1])
def test_there_are_no_tiles_at_the_poles(latitude: float) -> None:
    assert maps.map_of(latitude, 0, accuracy_m=None, trail=()) is None


def test_without_a_tile_server_there_is_no_map(settings: Any) -> None:
    settings.MAP_TILE_URL = ""
    assert maps.map_of(*BISHKEK, accuracy_m=None, trail=()) is None
