"""A person's history of fixes as files for other programs: GPX 1.1 and GeoJSON (RFC 7946), sent piece by piece while
fixes are read.
"""

import json
from collections.abc import Iterable, Iterator

from geo.models import Fix

_GPX = '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="AlertMe" xmlns="http://www.topografix.com/GPX/1/1">\n'


def gpx(fixes: Iterable[Fix]) -> Iterator[str]:
    """Yield a GPX file with a segment for each track id. Values need no escaping: they are numbers and times."""
    yield f"{_GPX}<trk>"
    track: object = _NONE
    for fix in fixes:
        if fix.track_id != track:
            yield "<trkseg>\n" if track is _NONE else "</trkseg>\n<trkseg>\n"
            track = fix.track_id
        altitude = "" if fix.altitude_m is None else f"<ele>{fix.altitude_m}</ele>"
        position = f'lat="{fix.latitude}" lon="{fix.longitude}"'
        yield f"<trkpt {position}>{altitude}<time>{_time(fix)}</time></trkpt>\n"
    yield "</trk></gpx>\n" if track is _NONE else "</trkseg></trk></gpx>\n"


_NONE = object()


def geojson(fixes: Iterable[Fix]) -> Iterator[str]:
    """Yield a GeoJSON file with a point for each fix, with the details of the fix."""
    yield '{"type": "FeatureCollection", "features": ['
    separator = "\n"
    for fix in fixes:
        yield separator + json.dumps(_feature(fix), allow_nan=False)
        separator = ",\n"
    yield "\n]}\n"


def _feature(fix: Fix) -> dict[str, object]:
    altitude = [] if fix.altitude_m is None else [fix.altitude_m]
    said = {
        "id": str(fix.id),
        "recorded_at": _time(fix),
        "accuracy": fix.accuracy_m,
        "speed": fix.speed_mps,
        "course": fix.course_deg,
        "battery": fix.battery_pct,
        "network": fix.network,
        "activity": fix.activity,
        "track_id": fix.track_id and str(fix.track_id),
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [fix.longitude, fix.latitude, *altitude]},
        "properties": {name: value for name, value in said.items() if value not in (None, "")},
    }


def _time(fix: Fix) -> str:
    return fix.at.isoformat().replace("+00:00", "Z")
