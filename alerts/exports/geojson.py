"""An alert's positions as GeoJSON (RFC 7946), yielded while the rows are read."""

import json
from collections.abc import Iterator

from django.db.models import QuerySet

from alerts.models import AlertPosition
from alerts.timeline import chain

_ROWS = 1_000
# Names in the exported file, and the fields of a position.
_DETAILS = {
    "accuracy": "accuracy_m",
    "altitude": "altitude_m",
    "speed": "speed_mps",
    "course": "course_deg",
    "battery": "battery_pct",
    "network": "network",
    "activity": "activity",
}


def feature_collection(positions: QuerySet[AlertPosition]) -> Iterator[bytes]:
    """Yield a FeatureCollection with one point for each position, in order of arrival."""
    yield b'{"type": "FeatureCollection", "features": ['
    separator = "\n"
    for position in positions.order_by("id").iterator(chunk_size=_ROWS):
        yield (separator + json.dumps(_feature(position), allow_nan=False)).encode()
        separator = ",\n"
    yield b"\n]}\n"


def _feature(position: AlertPosition) -> dict[str, object]:
    facts = {
        "id": str(position.client_id),
        "recorded_at": chain.moment(position.at),
        "received_at": chain.moment(position.received_at),
        **{name: getattr(position, field) for name, field in _DETAILS.items()},
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [position.longitude, position.latitude]},
        "properties": {name: value for name, value in facts.items() if value not in (None, "")},
    }
