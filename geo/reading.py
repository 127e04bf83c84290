"""Fixes as phones send them: read by hand, since a thousand at once must cost milliseconds, and one that is wrong must
not cost the others."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from geo import policy
from geo.models import Activity, Network


class Refused(Exception):
    """A fix that is not stored; `code` is stable."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code, self.field = code, field


@dataclass(frozen=True, slots=True)
class Arrived:
    """A fix as it is stored; the order of the fields is the order of the columns."""

    at: datetime
    id: UUID
    latitude: float
    longitude: float
    accuracy_m: float | None
    altitude_m: float | None
    speed_mps: float | None
    course_deg: float | None
    battery_pct: int | None
    network: str
    activity: str
    track_id: UUID | None


def read(item: object, *, owner_id: UUID, behind: timedelta, now: datetime, kept_for: timedelta) -> Arrived:
    """`behind` is what the phone's clock lags the database's. Raises Refused."""
    if not isinstance(item, Mapping):
        raise Refused("not_an_object", "")
    latitude, longitude = _number(item, "latitude", -90, 90), _number(item, "longitude", -180, 180)
    if latitude is None or longitude is None:
        raise Refused("required", "latitude" if latitude is None else "longitude")
    if abs(latitude) < policy.NULL_ISLAND_DEG and abs(longitude) < policy.NULL_ISLAND_DEG:
        raise Refused("null_island", "latitude")
    at = _moment(item, behind=behind, now=now, kept_for=kept_for)
    return Arrived(
        at=at,
        id=_uuid(item, "id") or uuid5(owner_id, f"{at.isoformat()} {latitude} {longitude}"),
        latitude=latitude,
        longitude=longitude,
        accuracy_m=_number(item, "accuracy", 0, 100_000),
        altitude_m=_number(item, "altitude", -1_000, 100_000),
        speed_mps=_number(item, "speed", 0, 1_000),
        course_deg=_number(item, "course", 0, 360),
        battery_pct=_battery(item),
        network=_choice(item, "network", _NETWORKS),
        activity=_choice(item, "activity", _ACTIVITIES),
        track_id=_uuid(item, "track_id"),
    )


_NETWORKS = frozenset(Network.values)
_ACTIVITIES = frozenset(Activity.values)


def _number(item: Mapping[str, Any], field: str, low: float, high: float) -> float | None:
    value = item.get(field)
    if value is None:
        return None
    if type(value) not in (int, float):  # A bool is an int, and no number.
        raise Refused("not_a_number", field)
    if not low <= value <= high:  # Also NaN.
        raise Refused("out_of_range", field)
    return float(value)


def _battery(item: Mapping[str, Any]) -> int | None:
    level = _number(item, "battery", 0, 100)
    return None if level is None else math.floor(level)


def _choice(item: Mapping[str, Any], field: str, known: frozenset[str]) -> str:
    """What this release does not know is `unknown`: a newer app's word must not cost the fix."""
    value = item.get(field)
    if value is None:
        return ""
    return value if isinstance(value, str) and value in known else "unknown"


def _uuid(item: Mapping[str, Any], field: str) -> UUID | None:
    value = item.get(field)
    return None if value is None else _parsed(value, UUID, Refused("not_a_uuid", field))


def moment(value: object, field: str) -> datetime:
    """A time in ISO 8601 with its offset. Raises Refused."""
    found: datetime = _parsed(value, datetime.fromisoformat, Refused("not_a_time", field))
    if found.tzinfo is None:
        raise Refused("no_time_zone", field)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise Refused("not_a_time", field) from error


def _parsed(value: object, parse: Callable[[str], Any], refused: Refused) -> Any:
    if not isinstance(value, str) or len(value) > 50:
        raise refused
    try:
        return parse(value)
    except ValueError as error:
        raise refused from error


def _moment(item: Mapping[str, Any], *, behind: timedelta, now: datetime, kept_for: timedelta) -> datetime:
    stated = item.get("recorded_at")
    if stated is None:
        raise Refused("required", "recorded_at")
    try:
        at = moment(stated, "recorded_at") + behind
    except OverflowError as error:
        raise Refused("not_a_time", "recorded_at") from error
    if at > now + policy.AHEAD:
        raise Refused("in_the_future", "recorded_at")
    if at < now - kept_for:
        raise Refused("too_old", "recorded_at")
    return at
