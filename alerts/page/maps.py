"""A position as contacts see it: on map tiles, and as links to the map apps of their phones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

TILE = 256
_EARTH_M = 2 * math.pi * 6_378_137
# Zoom levels: the closest shows streets and house numbers. The others are for positions of low accuracy.
_CLOSEST, _FARTHEST = 16, 8
# The circle of accuracy takes at most this many pixels of the map.
_CIRCLE = 200
# Latitude, north and south, beyond which there are no tiles.
_MERCATOR_LIMIT = 85.05
# Pixels by which one class of the style sheet shifts the map: the page's policy allows no style on an element.
SHIFT = 16
_COLUMNS, _ROWS = 3, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """Map tiles by row, and three things in pixels from the top left corner of the tiles: the position, its circle of
    accuracy, and the way to it.

    `column` and `row` count the shifts (`SHIFT`) that bring the position to the middle.
    """

    tiles: tuple[tuple[str, ...], ...]
    x: float
    y: float
    radius: float
    trail: str
    column: int
    row: int


def map_of(
    latitude: float, longitude: float, *, accuracy_m: float | None, trail: Sequence[tuple[float, float]]
) -> Map | None:
    """The map around a position. The trail's oldest fix comes first.

    Returns None without a tile server, and for latitudes without tiles.
    """
    if not settings.MAP_TILE_URL or abs(latitude) > _MERCATOR_LIMIT:
        return None
    zoom = _zoom(latitude, accuracy_m or 0)
    x, y = _pixels(latitude, longitude, zoom)
    # The position is in the middle column, and at least half a tile from the upper and the lower edge.
    left, top = int(x // TILE) - 1, round(y / TILE) - 1
    inside = (x - left * TILE, y - top * TILE)
    way = [_pixels(*fix, zoom) for fix in trail if abs(fix[0]) <= _MERCATOR_LIMIT]
    return Map(
        tiles=tuple(tuple(_tile(zoom, left + i, top + j) for i in range(_COLUMNS)) for j in range(_ROWS)),
        x=round(inside[0], 1),
        y=round(inside[1], 1),
        radius=round((accuracy_m or 0) / _metres_per_pixel(latitude, zoom), 1),
        trail=" ".join(f"{way_x - left * TILE:.0f},{way_y - top * TILE:.0f}" for way_x, way_y in way),
        column=int(inside[0] - TILE) // SHIFT,
        row=int(inside[1] - TILE / 2) // SHIFT,
    )


def links(latitude: float, longitude: float) -> list[tuple[str, str]]:
    """Names and URLs of map apps for a position: first the phone's own, with an empty name, then those used in this
    country.
    """
    north, east = f"{latitude:.6f}", f"{longitude:.6f}"
    return [
        ("", f"geo:{north},{east}?q={north},{east}"),
        ("2GIS", f"https://2gis.kg/geo/{east},{north}"),
        ("Google Maps", f"https://www.google.com/maps/search/?api=1&query={north},{east}"),
        ("Apple Maps", f"https://maps.apple.com/?ll={north},{east}&q={north},{east}"),
    ]


def _tile(zoom: int, x: int, y: int) -> str:
    """The URL of a map tile; "" beyond the poles, where there are no tiles.

    East and west the map goes round the world.
    """
    tiles = 1 << zoom
    if not 0 <= y < tiles:
        return ""
    filled = settings.MAP_TILE_URL.replace("{z}", str(zoom)).replace("{x}", str(x % tiles)).replace("{y}", str(y))
    return str(filled)


def _zoom(latitude: float, accuracy_m: float) -> int:
    zoom = _CLOSEST
    while zoom > _FARTHEST and 2 * accuracy_m / _metres_per_pixel(latitude, zoom) > _CIRCLE:
        zoom -= 1
    return zoom


def _metres_per_pixel(latitude: float, zoom: int) -> float:
    return _EARTH_M * math.cos(math.radians(latitude)) / (TILE << zoom)


def _pixels(latitude: float, longitude: float, zoom: int) -> tuple[float, float]:
    """Pixels from the north-west corner of the world in Web Mercator (EPSG:3857)."""
    size = TILE << zoom
    north = math.asinh(math.tan(math.radians(latitude)))
    return (longitude + 180) / 360 * size, (1 - north / math.pi) / 2 * size
