"""Reads the body of a press (`POST sos-alerts/`). A person in danger with a buggy app still needs help, so a wrong
field is left out with a warning and never refuses the SOS. geo/reading.py is stricter: it may refuse a fix, because
help does not depend on one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.positions.track import Position
from alerts.sos.body import Unreadable
from geo import clocks, policy, reading
from geo.reading import Details

ADDRESS_MAX = 200

_BODY_IGNORED = "body_ignored: the body must be a JSON object of at most 64 KB"
_POSITION_IGNORED = (
    "position_ignored: latitude (-90 to 90) and longitude (-180 to 180) must be finite numbers, both or neither"
)
_NO_FIX = "position_ignored: 0, 0 or a negative accuracy means that the phone has no fix"
_DETAIL_IGNORED = "{0}_ignored: {0} must be a number of {1}"
_MOMENT_IGNORED = "recorded_at_ignored: recorded_at must be a time with its offset; the position is taken to be of now"
_ADDRESS_IGNORED = "address_ignored: address must be text"
_DRILL_IGNORED = "drill_ignored: drill must be true or false; without ?drill=true in the URL this is a real SOS"
_ADDRESS_SHORTENED = f"address_shortened: address has at most {ADDRESS_MAX} characters"


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """The usable fields of a press. Latitude and longitude are both there or both absent.

    `recorded_at` is when the phone was at the position, by PostgreSQL's clock; None means now. `warnings` has a
    sentence for each field that was left out or shortened.
    """

    latitude: float | None = None
    longitude: float | None = None
    recorded_at: datetime | None = None
    # False: the phone's clock is wrong or the press waited, and nothing shows which. `recorded_at` is the phone's time.
    at_is_known: bool = True
    accuracy_m: float | None = None
    battery_pct: int | None = None
    address: str = ""
    is_drill: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def place(self) -> Position | None:
        if self.latitude is None or self.longitude is None:
            return None
        return Position(
            latitude=self.latitude,
            longitude=self.longitude,
            accuracy_m=self.accuracy_m,
            battery_pct=self.battery_pct,
            at=self.recorded_at,
            at_is_known=self.at_is_known,
        )


def read(
    body: object,
    *,
    now: datetime,
    is_marked_drill: bool = False,
    clock_behind: Callable[[], timedelta | None] = lambda: None,
) -> Intake:
    """Read the body of a press: keep right fields, leave wrong ones out with a warning. Never raises, for any body.

    `is_marked_drill`: the URL says that it is a drill. A readable `drill: false` in the body overrules it.
    `clock_behind` returns how far the phone's clock was behind when it was last measured; None: it never was.
    """
    if not isinstance(body, Mapping):
        says_drill = isinstance(body, Unreadable) and body.says_drill
        return Intake(is_drill=is_marked_drill or says_drill, warnings=(_BODY_IGNORED,))
    details, detail_warnings = _details(body)
    position, position_warnings = _position(body)
    recorded_at, at_is_known, moment_warnings = _moment(body, now=now, clock_behind=clock_behind)
    address, address_warnings = _address(body.get("address"))
    latitude, longitude = position or (None, None)
    is_drill, drill_warnings = _drill(body.get("drill"), is_marked=is_marked_drill)
    return Intake(
        latitude=latitude,
        longitude=longitude,
        recorded_at=recorded_at,
        at_is_known=at_is_known,
        accuracy_m=details.accuracy_m,
        battery_pct=details.battery_pct,
        address=address,
        is_drill=is_drill,
        warnings=position_warnings + moment_warnings + detail_warnings + address_warnings + drill_warnings,
    )


def _drill(value: object, *, is_marked: bool) -> tuple[bool, tuple[str, ...]]:
    """Return whether the press is a drill, and warnings.

    If `value` is not true or false, the URL decides: without its mark (`is_marked`) the press is a real SOS.
    """
    if isinstance(value, bool):
        return value, ()
    return is_marked, () if value is None else (_DRILL_IGNORED,)


def _position(body: Mapping[str, object]) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    latitude, longitude = body.get("latitude"), body.get("longitude")
    if latitude is None and longitude is None:
        return None, ()
    north, east = _coordinate(latitude, limit=90), _coordinate(longitude, limit=180)
    if north is None or east is None:
        return None, (_POSITION_IGNORED,)
    accuracy = _coordinate(body.get("accuracy"), limit=math.inf)
    is_nowhere = max(abs(north), abs(east)) < policy.NULL_ISLAND_DEG
    if is_nowhere or (accuracy is not None and accuracy < 0):
        return None, (_NO_FIX,)
    return (north, east), ()


def _details(body: Mapping[str, object]) -> tuple[Details, tuple[str, ...]]:
    """Return the accuracy and the battery charge, and warnings.

    A negative value is left out without a warning: a phone sends it for a value that it does not know.
    """
    stated = {name: _coordinate(body.get(name), limit=math.inf) for name in ("accuracy", "battery")}
    wrong = [name for name, value in stated.items() if value is None and body.get(name) is not None]
    if (stated["battery"] or 0) > 100:
        wrong.append("battery")
    units = {"accuracy": "metres", "battery": "per cent"}
    return reading.details(stated), tuple(_DETAIL_IGNORED.format(name, units[name]) for name in wrong)


def _moment(
    body: Mapping[str, object], *, now: datetime, clock_behind: Callable[[], timedelta | None]
) -> tuple[datetime | None, bool, tuple[str, ...]]:
    """Return when the position was recorded (None: now), whether that time is known, and warnings.

    A press may have waited hours for a network, and `sent_at` may still be from the moment of the press. If `sent_at`
    is more than SKEW_IGNORED ago and close to `recorded_at`, the press waited or the phone's clock is wrong. The time
    is then known only if the phone's clock was measured before.
    """
    sent = reading.sent_at(body)
    try:
        stated = reading.recorded_at(body)
    except reading.Refused:
        return None, True, (_MOMENT_IGNORED,)
    pressed = stated or sent
    if pressed is None:
        return None, True, ()
    if sent is not None and now - sent > policy.SKEW_IGNORED and abs(sent - pressed) <= policy.SKEW_IGNORED:
        known = clock_behind()
        return min(reading.corrected(pressed, known or timedelta()), now), known is not None, ()
    if stated is None:
        return None, True, ()
    behind = clocks.measured(sent_at=sent, recorded_at=[stated], now=now)
    return min(reading.corrected(stated, behind), now), True, ()


def _coordinate(value: object, *, limit: float) -> float | None:
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
