"""Turns a person's track and presences into JSON, to be stored between two evaluations, and back. Floats come back
exactly as they were.
"""

from typing import Any

from geo.errors import PhoneErrors
from geo.presence import Presence
from geo.shapes import Point
from geo.track import Track, WeighedFix


def read_track(state: dict[str, Any]) -> Track:
    return Track(
        seen=[WeighedFix(at, _point(position), error_m) for at, position, error_m in state.get("seen", [])],
        doubted=[WeighedFix(at, _point(position), error_m) for at, position, error_m in state.get("doubted", [])],
        speed_mps=state.get("speed_mps", 0.0),
        errors=_errors(state["errors"]) if "errors" in state else PhoneErrors(),
    )


def read_presences(state: dict[str, Any]) -> dict[str, Presence]:
    return {key: Presence(*row) for key, row in state.get("zones", {}).items()}


def write(track: Track, presences: dict[str, Presence]) -> dict[str, Any]:
    errors = track.errors
    return {
        "seen": [(each.at, each.position, each.error_m) for each in track.seen],
        "doubted": [(each.at, each.position, each.error_m) for each in track.doubted],
        "speed_mps": track.speed_mps,
        "errors": (errors.log_m, errors.zigzags, errors.last),
        "zones": {key: (p.inside, p.since, p.entered_at, p.left_at) for key, p in presences.items()},
    }


def _errors(row: list[Any]) -> PhoneErrors:
    log_m, zigzags, last = row
    return PhoneErrors(log_m, zigzags, [(at, _point(position)) for at, position in last])


def _point(position: list[float]) -> Point:
    x, y, z = position
    return x, y, z
