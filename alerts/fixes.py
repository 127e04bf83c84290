"""What can be used of the fixes a phone sends. One that is wrong is refused by itself, the others are kept: they may be
the only trace of somebody. Of a fix that is right in place and time a wrong detail is left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from django.utils.dateparse import parse_datetime

MAX_FIXES = 1_000
# A phone without a fix says 0, 0: a place in the sea, 600 km off Ghana. Degrees; some add noise to it.
_NULL_ISLAND = 0.001
# Derives the id of a fix that came without one from what it says, so that the same one again is known.
_SAME = UUID("7c0d3c52-3f0c-4a94-9a3f-53d3a0f4b1c6")
_TEXT_MAX = 20
_BOUNDS = {
    "accuracy": (0.0, 1_000_000.0),
    "altitude": (-1_000.0, 50_000.0),
    "speed": (0.0, 1_000.0),
    "course": (0.0, 360.0),
    "battery": (0.0, 100.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fix:
    """`recorded_at` is what the phone's clock said; None: at the moment of sending."""

    index: int
    client_id: UUID
    latitude: float
    longitude: float
    recorded_at: datetime | None
    accuracy: float | None
    altitude: float | None
    speed: float | None
    course: float | None
    battery: int | None
    network: str
    activity: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """`index` is the place of the fix in what was sent."""

    index: int
    code: str


@dataclass(kw_only=True, slots=True)
class Sent:
    """What one request held. `sent_at` is the phone's clock when it sent it."""

    fixes: list[Fix] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    sent_at: datetime | None = None


class _Unusable(Exception):
    """Its argument is the code of the refusal."""


def read(items: Sequence[object], *, sent_at: object = None) -> Sent:
    """Accepts anything and never raises."""
    sent = Sent(sent_at=_moment(sent_at))
    for index, item in enumerate(items):
        try:
            sent.fixes.append(_fix(item, index))
        except _Unusable as unusable:
            sent.refused.append(Refusal(index=index, code=str(unusable)))
    return sent


def _fix(item: object, index: int) -> Fix:
    if not isinstance(item, Mapping):
        raise _Unusable("not_an_object")
    latitude, longitude = _place(item)
    recorded_at = _moment(item.get("recorded_at"))
    if recorded_at is None and item.get("recorded_at") is not None:
        raise _Unusable("recorded_at_wrong")
    details = {name: _number(item.get(name), *bounds) for name, bounds in _BOUNDS.items()}
    battery = details.pop("battery")
    return Fix(
        index=index,
        client_id=_client_id(item.get("id"), recorded_at, latitude, longitude),
        latitude=latitude,
        longitude=longitude,
        recorded_at=recorded_at,
        battery=None if battery is None else round(battery),
        network=_word(item.get("network")),
        activity=_word(item.get("activity")),
        **details,
    )


def _place(item: Mapping[str, object]) -> tuple[float, float]:
    latitude, longitude = _number(item.get("latitude"), -90, 90), _number(item.get("longitude"), -180, 180)
    if latitude is None or longitude is None:
        raise _Unusable("position_wrong")
    if abs(latitude) < _NULL_ISLAND and abs(longitude) < _NULL_ISLAND:
        raise _Unusable("null_island")
    return latitude, longitude


def _client_id(value: object, recorded_at: datetime | None, latitude: float, longitude: float) -> UUID:
    if value is None:
        return uuid5(_SAME, f"{recorded_at} {latitude} {longitude}") if recorded_at else uuid4()
    try:
        return UUID(value) if isinstance(value, str) else _wrong_id()
    except ValueError:
        return _wrong_id()


def _wrong_id() -> UUID:
    raise _Unusable("id_wrong")


def _number(value: object, least: float, most: float) -> float | None:
    # bool is a number to Python.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and least <= number <= most else None


def _moment(value: object) -> datetime | None:
    """An ISO 8601 time with its offset, in UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = parse_datetime(value)
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):  # No such day; or beyond what Python can count.
        return None


def _word(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() and len(value) <= _TEXT_MAX else ""
