"""Turns a person's track and presences into JSON, to be stored between two evaluations, and back. Floats come back
exactly as they were.
"""

from typing import Any

from geo.presence import Presence, Track, TrackFix


def read_track(state: dict[str, Any]) -> Track:
    return Track(
        seen=[_track_fix(row) for row in state.get("seen", [])],
        doubted=[_track_fix(row) for row in state.get("doubted", [])],
        speed_mps=state.get("speed_mps", 0.0),
    )


def read_presences(state: dict[str, Any]) -> dict[str, Presence]:
    return {key: Presence(*row) for key, row in state.get("zones", {}).items()}


def write(track: Track, presences: dict[str, Presence]) -> dict[str, Any]:
    return {
        "seen": [(each.at, each.position, each.accuracy_m) for each in track.seen],
        "doubted": [(each.at, each.position, each.accuracy_m) for each in track.doubted],
        "speed_mps": track.speed_mps,
        "zones": {key: (p.inside, p.since, p.entered_at, p.left_at) for key, p in presences.items()},
    }


def _track_fix(row: list[Any]) -> TrackFix:
    at, position, accuracy_m = row
    x, y, z = position
    return TrackFix(at, (x, y, z), accuracy_m)
