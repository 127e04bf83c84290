"""Reads fixes as phones send them: for the history, for alerts and for heartbeats. Serializers would be too slow: a
thousand fixes at once must cost milliseconds.

A fix with a wrong position or time is refused, and the response names it. In other fixes only wrong details are left
out; the rest is kept.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid5

from geo import policy
from geo.models import Activity, Network

T = TypeVar("T")


class Refused(Exception):
    """A fix is refused: `code` says why, and `field` which field is wrong. Clients may rely on `code`."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code, self.field = code, field


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedFix:
    """A fix of a request that was not stored. `index` counts the fixes of the request from 0."""

    index: int
    code: str
    field: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The fixes of one request. `sent_at` is the phone's clock at the moment of sending; None: not stated."""

    items: Sequence[object]
    sent_at: datetime | None = None


class Details(NamedTuple):
    """The details of a fix, named as in Fix and AlertPosition. A wrong or missing one is None or empty."""

    accuracy_m: float | None
    altitude_m: float | None
    speed_mps: float | None
    course_deg: float | None
    battery_pct: int | None
    network: str
    activity: str


class ReportedFix(NamedTuple):
    """One fix of a request, the `number`th from 0.

    `at` is when the phone was there: by the phone's clock after `read`, by the server's after `on_our_clock`.
    """

    number: int
    at: datetime
    id: UUID
    latitude: float
    longitude: float
    track_id: UUID | None
    details: Details


def read(sent: Sent, *, person_id: UUID, now: datetime) -> tuple[list[ReportedFix], list[RefusedFix]]:
    """Return the usable fixes of a request, in their order and by the phone's clock, and the refused ones.

    Never raises.
    """
    reported, refused = [], []
    for index, item in enumerate(sent.items):
        try:
            reported.append(_read(item, index, person_id=person_id, sent_at=sent.sent_at or now))
        except Refused as error:
            refused.append(RefusedFix(index=index, code=error.code, field=error.field))
    return reported, refused


def _read(item: object, number: int, *, person_id: UUID, sent_at: datetime) -> ReportedFix:
    if not isinstance(item, Mapping):
        raise Refused("not_an_object", "")
    latitude, longitude = position(item)
    at = recorded_at(item) or sent_at
    # A fix without an id is the same fix as another of this time and position.
    fix_id = _uuid(item, "id") or uuid5(person_id, f"{at.isoformat()} {latitude} {longitude}")
    return ReportedFix(number, at, fix_id, latitude, longitude, _uuid(item, "track_id"), details(item))


def position(item: Mapping[str, Any]) -> tuple[float, float]:
    """The latitude and longitude of a fix. Raises Refused if one is missing or wrong, or both are within
    NULL_ISLAND_DEG of 0.
    """
    latitude, longitude = _coordinate(item, "latitude", 90), _coordinate(item, "longitude", 180)
    if abs(latitude) < policy.NULL_ISLAND_DEG and abs(longitude) < policy.NULL_ISLAND_DEG:
        raise Refused("null_island", "latitude")
    return latitude, longitude


def recorded_at(item: Mapping[str, Any]) -> datetime | None:
    """The time of a fix by the phone's clock; None: not stated. Raises Refused if the time cannot be read."""
    return None if item.get("recorded_at") is None else _moment(item["recorded_at"], "recorded_at")


def sent_at(item: Mapping[str, Any]) -> datetime | None:
    """The phone's clock at the moment of sending; None: not stated, or unreadable. No fix is refused for it."""
    try:
        return None if item.get("sent_at") is None else _moment(item["sent_at"], "sent_at")
    except Refused:
        return None


def _moment(value: object, field: str) -> datetime:
    """The time in a text in ISO 8601, in UTC. Raises Refused if it is no time or has no time zone."""
    found: datetime | None = _parsed(value, datetime.fromisoformat)
    if found is None:
        raise Refused("not_a_time", field)
    if found.tzinfo is None:
        raise Refused("no_time_zone", field)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise Refused("not_a_time", field) from error


def details(item: Mapping[str, Any]) -> Details:
    """Read the details of a fix, and leave wrong ones out. Never raises."""
    battery = _number(item.get("battery"), 0, 100)
    return Details(
        accuracy_m=_accuracy(item.get("accuracy")),
        altitude_m=_number(item.get("altitude"), -1_000, 100_000),
        speed_mps=_number(item.get("speed"), 0, 1_000),
        course_deg=_number(item.get("course"), 0, 360),
        battery_pct=None if battery is None else math.floor(battery),
        network=_choice(item.get("network"), _NETWORKS),
        activity=_choice(item.get("activity"), _ACTIVITIES),
    )


def on_our_clock(
    reported: Iterable[ReportedFix], *, behind: timedelta, now: datetime, since: datetime
) -> tuple[list[ReportedFix], list[RefusedFix]]:
    """Add `behind` to the times of the fixes; return the fixes whose time is in the range, and the refused ones.

    The range is from `since` to SKEW_IGNORED after `now`.
    """
    placed, refused = [], []
    for fix in reported:
        at = corrected(fix.at, behind)
        if since <= at <= now + policy.SKEW_IGNORED:
            placed.append(fix._replace(at=at) if behind else fix)
        else:
            code = "too_old" if at < since else "in_the_future"
            refused.append(RefusedFix(index=fix.number, code=code, field="recorded_at"))
    return placed, refused


_NETWORKS = frozenset(Network.values)
_ACTIVITIES = frozenset(Activity.values)


def _coordinate(item: Mapping[str, Any], field: str, most: int) -> float:
    value = item.get(field)
    if value is None:
        raise Refused("required", field)
    if type(value) not in (int, float):  # A bool is an int, but not a number here.
        raise Refused("not_a_number", field)
    if not -most <= value <= most:  # Also NaN.
        raise Refused("out_of_range", field)
    return float(value)


def _number(value: object, low: float, high: float) -> float | None:
    if type(value) not in (int, float):
        return None
    return float(value) if low <= value <= high else None  # type: ignore[operator,arg-type]


def _accuracy(value: object) -> float | None:
    """The accuracy in metres; None if it is missing or wrong.

    More than WORST_ACCURACY_M becomes WORST_ACCURACY_M. It is not left out: a fix without accuracy counts with a much
    smaller error (geo/errors.py).
    """
    worst = policy.WORST_ACCURACY_M
    return worst if isinstance(value, (int, float)) and value > worst else _number(value, 0, worst)


def _choice(value: object, known: frozenset[str]) -> str:
    """The value if it is a known word, "" if it is missing, else `unknown`: a newer app may send new words."""
    if value is None or value == "":
        return ""
    return value if isinstance(value, str) and value in known else "unknown"


def _uuid(item: Mapping[str, Any], field: str) -> UUID | None:
    return _parsed(item.get(field), UUID)


def _parsed(value: object, parse: Callable[[str], T]) -> T | None:
    if not isinstance(value, str) or len(value) > 50:
        return None
    try:
        return parse(value)
    except ValueError:
        return None


def corrected(stated: datetime, behind: timedelta) -> datetime:
    """The phone's time plus `behind`. A time that would overflow is returned unchanged: it is far from every time that
    is kept.
    """
    try:
        return stated + behind
    except OverflowError:
        return stated
