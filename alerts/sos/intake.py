"""Reads the body of a press (`POST sos-alerts/`). A person in danger with a buggy app still needs help, so a wrong
field is left out with a warning and never refuses the SOS. geo/reading.py is stricter: it may refuse a fix, because no
life hangs on one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts.positions.track import Position
from alerts.sos.body import Unreadable
from geo import clocks, reading

ADDRESS_MAX = 200

_BODY_IGNORED = "body_ignored: the body must be a JSON object of at most 64 KB"
_POSITION_IGNORED = (
    "position_ignored: latitude (-90 to 90) and longitude (-180 to 180) must be finite numbers, both or neither"
)
_MOMENT_IGNORED = "recorded_at_ignored: recorded_at must be a time with its offset; the position is taken to be of now"
_ADDRESS_IGNORED = "address_ignored: address must be text"
_DRILL_IGNORED = "drill_ignored: drill must be true or false; without ?drill=true in the URL this is a real SOS"
_ADDRESS_SHORTENED = f"address_shortened: address has at most {ADDRESS_MAX} characters"


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """The usable fields of a press. Latitude and longitude are both there or both absent.

    `recorded_at` is when the phone was at the position, by PostgreSQL's clock; None means now. `warnings` name each
    field that was left out.
    """

    latitude: float | None = None
    longitude: float | None = None
    recorded_at: datetime | None = None
    address: str = ""
    is_drill: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def place(self) -> Position | None:
        if self.latitude is None or self.longitude is None:
            return None
        return Position(latitude=self.latitude, longitude=self.longitude, at=self.recorded_at)


def read(body: object, *, now: datetime, is_marked_drill: bool = False) -> Intake:
    """Read the body of a press: keep right fields, leave wrong ones out with a warning. Never raises, for any body.

    `is_marked_drill`: the URL says that it is a drill. A body that says otherwise in `drill` overrules it.
    """
    if not isinstance(body, Mapping):
        says_drill = isinstance(body, Unreadable) and body.says_drill
        return Intake(is_drill=is_marked_drill or says_drill, warnings=(_BODY_IGNORED,))
    position, position_warnings = _position(body.get("latitude"), body.get("longitude"))
    recorded_at, moment_warnings = _moment(body, now=now)
    address, address_warnings = _address(body.get("address"))
    latitude, longitude = position or (None, None)
    is_drill, drill_warnings = _drill(body.get("drill"), is_marked=is_marked_drill)
    return Intake(
        latitude=latitude,
        longitude=longitude,
        recorded_at=recorded_at,
        address=address,
        is_drill=is_drill,
        warnings=position_warnings + moment_warnings + address_warnings + drill_warnings,
    )


def _drill(value: object, *, is_marked: bool) -> tuple[bool, tuple[str, ...]]:
    """Whether the press is a drill, and warnings. In doubt it is a real SOS, unless the URL marks it as a drill."""
    if isinstance(value, bool):
        return value, ()
    return is_marked, () if value is None else (_DRILL_IGNORED,)


def _position(latitude: object, longitude: object) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    if latitude is None and longitude is None:
        return None, ()
    north, east = _coordinate(latitude, limit=90), _coordinate(longitude, limit=180)
    if north is None or east is None:
        return None, (_POSITION_IGNORED,)
    return (north, east), ()


def _moment(body: Mapping[str, object], *, now: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when the position was recorded, None for now, and warnings.

    A press may have waited hours for a network.
    """
    try:
        stated = reading.recorded_at(body)
    except reading.Refused:
        return None, (_MOMENT_IGNORED,)
    if stated is None:
        return None, ()
    behind = clocks.measured(sent_at=reading.sent_at(body), recorded_at=[stated], now=now)
    return min(reading.corrected(stated, behind), now), ()


def _coordinate(value: object, *, limit: int) -> float | None:
    # Python counts bool as a number, but true is no coordinate. Strings are taken, since some apps send them.
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= limit else None


def _address(value: object) -> tuple[str, tuple[str, ...]]:
    if value is None:
        return "", ()
    if not isinstance(value, str):
        return "", (_ADDRESS_IGNORED,)
    # PostgreSQL stores neither NUL nor half a surrogate pair.
    storable = value.replace("\0", "").encode("utf-8", "ignore").decode().strip()
    if len(storable) > ADDRESS_MAX:
        return storable[:ADDRESS_MAX], (_ADDRESS_SHORTENED,)
    return storable, ()
