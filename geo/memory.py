"""What presence remembers between evaluations, as JSON: floats come back exactly as they were."""

from dataclasses import astuple
from typing import Any

from geo.presence import Presence, Sighting, Track


def read_track(state: dict[str, Any]) -> Track:
    return Track(
        seen=[_sighting(row) for row in state.get("seen", [])],
        doubted=[_sighting(row) for row in state.get("doubted", [])],
        speed_mps=state.get("speed_mps", 0.0),
    )


def read_presences(state: dict[str, Any]) -> dict[str, Presence]:
    return {key: Presence(*row) for key, row in state.get("zones", {}).items()}


def write(track: Track, presences: dict[str, Presence]) -> dict[str, Any]:
    return {
        "seen": [astuple(sighting) for sighting in track.seen],
        "doubted": [astuple(sighting) for sighting in track.doubted],
        "speed_mps": track.speed_mps,
        "zones": {key: astuple(presence) for key, presence in presences.items()},
    }


def _sighting(row: list[Any]) -> Sighting:
    at, place, accuracy_m = row
    x, y, z = place
    return Sighting(at, (x, y, z), accuracy_m)
