"""Shapes of zones on WGS 84: how far a position is from a boundary, also at the poles and across the antimeridian.

Positions are points in space (Earth-centred, metres), where no meridian is special. The straight chord between two
points gives the geodesic between them to a millimetre at 10 km and a few centimetres at 100 km. Computing it costs a
fiftieth of a call into the geodesic library; the tests compare the two. A polygon lies in the plane that touches the
Earth at its middle. Its edges are the shortest lines between its corners.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import shapely
from pyproj import Geod

from geo import policy

WGS84 = Geod(ellps="WGS84")
_A, _ES = WGS84.a, WGS84.es
_MEAN_RADIUS_M = 6_371_008.8

Point: TypeAlias = tuple[float, float, float]


class ShapeInvalid(ValueError):
    """The ring is no polygon that a zone may have; the message says what is wrong."""


def point(latitude: float, longitude: float) -> Point:
    """The position as a point in space, on the ellipsoid."""
    phi, lam = math.radians(latitude), math.radians(longitude)
    sine = math.sin(phi)
    normal = _A / math.sqrt(1 - _ES * sine * sine)
    across = normal * math.cos(phi)
    return across * math.cos(lam), across * math.sin(lam), normal * (1 - _ES) * sine


def distance_m(a: Point, b: Point) -> float:
    """The distance along the surface in metres, for points less than a few hundred kilometres apart."""
    chord = math.dist(a, b)
    # The arc over the chord on the mean sphere, to the fifth order.
    bend = chord / _MEAN_RADIUS_M
    return chord * (1 + bend * bend / 24 + 3 * bend**4 / 640)


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle on the earth.

    `signed_m` gives the distance of a position from the boundary in metres, negative inside.
    """

    centre: Point
    radius_m: float

    def signed_m(self, position: Point) -> float:
        return distance_m(self.centre, position) - self.radius_m

    def gap_m(self, position: Point) -> float:
        """A lower bound of the distance from the position to the circle in metres, in a straight line. Above 0 the
        position is outside.

        Most zones need no other check.
        """
        return math.dist(self.centre, position) - self.radius_m


@dataclass(frozen=True, slots=True)
class Polygon:
    centre: Point
    radius_m: float  # Radius of the circle around the polygon.
    plane: tuple[Point, Point]  # East and north at the centre.
    area: shapely.Polygon

    def signed_m(self, position: Point) -> float:
        away = math.dist(self.centre, position)
        if away > 4 * self.radius_m + 1_000:
            return distance_m(self.centre, position) - self.radius_m  # Too far away for the plane.
        found = shapely.Point(flat(position, self.centre, self.plane))
        to_boundary = float(shapely.distance(self.area.exterior, found))
        return -to_boundary if shapely.contains(self.area, found) else to_boundary

    def gap_m(self, position: Point) -> float:
        return math.dist(self.centre, position) - self.radius_m


Shape: TypeAlias = Circle | Polygon


def circle(*, latitude: float, longitude: float, radius_m: float) -> Circle:
    return Circle(point(latitude, longitude), radius_m)


@lru_cache(maxsize=4_096)
def polygon(ring: tuple[tuple[float, float], ...]) -> Polygon:
    """A polygon from a closed GeoJSON ring of (longitude, latitude).

    Raises ShapeInvalid if its edges touch or cross, or if it is smaller than MIN_RADIUS_M or larger than MAX_RADIUS_M
    allows.
    """
    corners = [point(latitude, longitude) for longitude, latitude in ring]
    middle = _middle(corners)
    centre = point(*middle)
    radius_m = max(math.dist(centre, corner) for corner in corners)
    if radius_m > policy.MAX_RADIUS_M:
        raise ShapeInvalid(f"Larger than a circle of {policy.MAX_RADIUS_M} m.")
    plane = _plane(*middle)
    area = shapely.Polygon([flat(corner, centre, plane) for corner in corners])
    if not area.is_valid:
        raise ShapeInvalid("Its edges cross each other or touch.")
    if area.area < math.pi * policy.MIN_RADIUS_M**2:
        raise ShapeInvalid(f"Smaller than a circle of {policy.MIN_RADIUS_M} m.")
    shapely.prepare(area)
    # 1 m more: an edge bends outwards from its chord by less.
    return Polygon(centre, radius_m + 1, plane, area)


def around(ring: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The latitude and longitude of a polygon's middle, and the radius in metres of the circle around the polygon.

    Raises ShapeInvalid.
    """
    corners = [point(latitude, longitude) for longitude, latitude in ring]
    found = polygon(tuple((float(longitude), float(latitude)) for longitude, latitude in ring))
    return *_middle(corners), found.radius_m


def flat(position: Point, centre: Point, plane: tuple[Point, Point]) -> tuple[float, float]:
    """The position as metres east and north of the centre, in the plane that touches the Earth there (`plane`)."""
    (ex, ey, ez), (nx, ny, nz) = plane
    dx, dy, dz = position[0] - centre[0], position[1] - centre[1], position[2] - centre[2]
    return dx * ex + dy * ey + dz * ez, dx * nx + dy * ny + dz * nz


def _plane(latitude: float, longitude: float) -> tuple[Point, Point]:
    phi, lam = math.radians(latitude), math.radians(longitude)
    north = (-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi))
    return (-math.sin(lam), math.cos(lam), 0.0), north


def _middle(corners: Sequence[Point]) -> tuple[float, float]:
    """The latitude and longitude under the mean of the corners. The last corner repeats the first and is left out."""
    count = max(len(corners) - 1, 1)
    x, y, z = (sum(axis) / count for axis in zip(*corners[:count], strict=True))
    return math.degrees(math.atan2(z, math.hypot(x, y) * (1 - _ES))), math.degrees(math.atan2(y, x))
