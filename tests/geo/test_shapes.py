"""Distances and polygons on WGS 84, compared with the geodesic library, also at the antimeridian and the poles."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo import shapes
from geo.shapes import WGS84, Polygon, ShapeInvalid

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


@settings(max_examples=300, deadline=None)
@given(latitudes, longitudes, st.floats(0, 360), st.floats(0.1, 100_000))
@example(89.999, 0, 0, 5_000)  # Over the pole.
@example(-90, 50, 10, 5_000)
@example(0, 179.999, 90, 5_000)  # Over the antimeridian.
def test_a_distance_is_the_geodesic(latitude: float, longitude: float, course: float, metres: float) -> None:
    there_longitude, there_latitude, _ = WGS84.fwd(longitude, latitude, course, metres)
    found = shapes.distance_m(shapes.point(latitude, longitude), shapes.point(there_latitude, there_longitude))
    assert found == pytest.approx(metres, abs=0.002 if metres < 10_000 else 0.2)


@settings(max_examples=200, deadline=None)
@given(latitudes, longitudes, st.floats(20, 50_000), st.floats(0, 360), st.floats(-0.9, 3))
def test_a_circle_knows_inside_from_outside(
    latitude: float, longitude: float, radius_m: float, course: float, beyond: float
) -> None:
    away = radius_m * (1 + beyond)
    there_longitude, there_latitude, _ = WGS84.fwd(longitude, latitude, course, away)
    area = shapes.circle(latitude=latitude, longitude=longitude, radius_m=radius_m)
    position = shapes.point(there_latitude, there_longitude)
    assert area.signed_m(position) == pytest.approx(away - radius_m, abs=0.5)
    if abs(away - radius_m) > 1:
        assert (area.gap_m(position) > 0) is (away > radius_m)


def _star(latitude: float, longitude: float, radius_m: float, corners: int) -> list[tuple[float, float]]:
    ring = []
    for number in range(corners):
        x, y, _ = WGS84.fwd(longitude, latitude, 360 * number / corners, radius_m)
        ring.append((x, y))
    return [*ring, ring[0]]


@settings(max_examples=200, deadline=None)
@given(latitudes, longitudes, st.floats(50, 40_000), st.integers(4, 40), st.floats(0, 360), st.floats(0, 3))
@example(90, 0, 10_000, 8, 45, 0.5)
@example(-89.99, 10, 10_000, 8, 45, 0.5)
@example(10, 180, 10_000, 8, 45, 0.9)
def test_a_polygon_is_the_same_wherever_it_lies(
    latitude: float, longitude: float, radius_m: float, corners: int, course: float, part: float
) -> None:
    """A regular polygon. Its boundary lies between the circles through its corners and through its edges' middles."""
    area = shapes.polygon(tuple(_star(latitude, longitude, radius_m, corners)))
    x, y, _ = WGS84.fwd(longitude, latitude, course, part * radius_m)
    signed = area.signed_m(shapes.point(y, x))
    inner = radius_m * math.cos(math.pi / corners)
    slack = 1 + radius_m / 10_000
    if part * radius_m < inner - slack:
        assert -radius_m - slack < signed < 0
        assert signed == pytest.approx(part * radius_m - radius_m, abs=radius_m - inner + slack)
    elif part * radius_m > radius_m + slack:
        assert 0 < signed <= part * radius_m - inner + slack


@given(latitudes, longitudes)
@settings(max_examples=50, deadline=None)
def test_beyond_is_never_said_of_who_is_inside(latitude: float, longitude: float) -> None:
    area = shapes.polygon(tuple(_star(latitude, longitude, 20_000, 5)))
    for x, y in _star(latitude, longitude, 19_990, 5):
        position = shapes.point(y, x)
        assert area.gap_m(position) <= 0
        assert area.signed_m(position) < 0


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (0, 1e-5), (1e-5, 1e-5), (0, 0)],  # About a metre.
        [(0, 0), (2, 2), (2, 0), (0, 2), (0, 0)],  # Large, and crossing itself.
        [(0, 0), (0.1, 0.1), (0.1, 0), (0, 0.1), (0, 0)],  # A bow tie.
        [(0, 0), (0, 0), (0, 0), (0, 0)],
        [(-180, 0), (-60, 0), (60, 0), (-180, 0)],  # Around the Earth.
        [(0, 90), (90, 90), (180, 90), (0, 90)],  # The pole, three times.
    ],
)
def test_what_is_no_zone_is_refused(ring: list[tuple[float, float]]) -> None:
    with pytest.raises(ShapeInvalid):
        shapes.around(ring)


def test_a_zone_across_the_antimeridian_has_its_middle_there() -> None:
    latitude, longitude, radius_m = shapes.around(
        [(179.9, -17), (-179.9, -17), (-179.9, -16.8), (179.9, -16.8), (179.9, -17)]
    )
    assert latitude == pytest.approx(-16.9, abs=0.01)
    assert abs(longitude) == pytest.approx(180, abs=0.01)
    assert 14_000 < radius_m < 17_000
    area = shapes.polygon(((179.9, -17.0), (-179.9, -17.0), (-179.9, -16.8), (179.9, -16.8), (179.9, -17.0)))
    assert isinstance(area, Polygon)
    assert area.signed_m(shapes.point(-16.9, 179.99)) < 0 < area.signed_m(shapes.point(-16.9, 179.8))
