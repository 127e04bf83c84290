"""What can be used of an SOS's body. A person in danger with a buggy client still needs help: a field that is wrong
is left out with a warning, and never refuses the SOS."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

ADDRESS_MAX = 200

_BODY_IGNORED = "body_ignored: the body must be a JSON object"
_POSITION_IGNORED = (
    "position_ignored: latitude (-90 to 90) and longitude (-180 to 180) must be finite numbers, both or neither"
)
_ADDRESS_IGNORED = "address_ignored: address must be text"
_DRILL_IGNORED = "drill_ignored: drill must be true or false; this is a real SOS"
_ADDRESS_SHORTENED = f"address_shortened: address has at most {ADDRESS_MAX} characters"


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """The usable part of the body; a position is whole or absent. `warnings` say what was left out."""

    latitude: float | None = None
    longitude: float | None = None
    address: str = ""
    is_drill: bool = False
    warnings: tuple[str, ...] = ()


def read(body: object) -> Intake:
    """Take what is right, warn of what is not; accepts anything and never raises."""
    if not isinstance(body, Mapping):
        return Intake(warnings=(_BODY_IGNORED,))
    position, position_warnings = _position(body.get("latitude"), body.get("longitude"))
    address, address_warnings = _address(body.get("address"))
    latitude, longitude = position or (None, None)
    return Intake(
        latitude=latitude,
        longitude=longitude,
        address=address,
        is_drill=body.get("drill") is True,
        warnings=position_warnings + address_warnings + _drill_warnings(body.get("drill")),
    )


def _drill_warnings(value: object) -> tuple[str, ...]:
    """In doubt it is in earnest."""
    return () if value is None or isinstance(value, bool) else (_DRILL_IGNORED,)


def _position(latitude: object, longitude: object) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    if latitude is None and longitude is None:
        return None, ()
    north, east = _coordinate(latitude, limit=90), _coordinate(longitude, limit=180)
    if north is None or east is None:
        return None, (_POSITION_IGNORED,)
    return (north, east), ()


def _coordinate(value: object, *, limit: int) -> float | None:
    # bool is a number to Python, and "true" is no place.
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
