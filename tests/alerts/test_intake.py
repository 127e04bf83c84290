import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import intake

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("42.8"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
BODIES = JSON_VALUES | st.fixed_dictionaries(
    {}, optional={"latitude": JSON_VALUES, "longitude": JSON_VALUES, "address": JSON_VALUES}
)


@given(BODIES)
def test_anything_is_read_into_what_can_be_stored(body: object) -> None:
    press = intake.read(body)
    assert (press.latitude is None) == (press.longitude is None)
    if press.latitude is not None and press.longitude is not None:
        assert math.isfinite(press.latitude)
        assert math.isfinite(press.longitude)
        assert abs(press.latitude) <= 90
        assert abs(press.longitude) <= 180
    assert len(press.address) <= 200
    assert "\0" not in press.address
    press.address.encode()


@pytest.mark.parametrize(
    "position",
    [
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": -180.1},
        {"latitude": "nan", "longitude": "nan"},
        {"latitude": "inf", "longitude": 0},
        json.loads('{"latitude": 1e999, "longitude": 0}'),
        {"latitude": 10**400, "longitude": 0},
        {"latitude": True, "longitude": False},
        {"latitude": [42.8], "longitude": {}},
        {"latitude": "north", "longitude": ""},
        {"latitude": 42.8},
        {"longitude": 74.5},
        {"latitude": 42.8, "longitude": None},
    ],
)
def test_a_wrong_position_is_left_out_whole(position: dict[str, object]) -> None:
    press = intake.read(position | {"address": "Chüy 1"})
    assert (press.latitude, press.longitude, press.address) == (None, None, "Chüy 1")
    assert [warning.split(":")[0] for warning in press.warnings] == ["position_ignored"]


@pytest.mark.parametrize("position", [(0, 0), (-90, -180), (90.0, 180.0), ("42.8746", "74.5698"), (-0.0, 1e-300)])
def test_a_position_on_earth_is_taken(position: tuple[object, object]) -> None:
    press = intake.read({"latitude": position[0], "longitude": position[1], "altitude": 800})
    assert press.latitude is not None
    assert press.warnings == ()


@pytest.mark.parametrize(
    ("address", "stored", "warnings"),
    [
        (None, "", []),
        ("  Chüy 1 ", "Chüy 1", []),
        ("a" * 201, "a" * 200, ["address_shortened"]),
        (7, "", ["address_ignored"]),
        (["Chüy"], "", ["address_ignored"]),
        ("a\0b\ud800c", "abc", []),
    ],
)
def test_an_address_is_cut_or_left_out(address: object, stored: str, warnings: list[str]) -> None:
    press = intake.read({"address": address})
    assert press.address == stored
    assert [warning.split(":")[0] for warning in press.warnings] == warnings


@pytest.mark.parametrize("body", [None, [], "SOS", 7, True])
def test_a_body_that_is_no_object_is_left_out(body: object) -> None:
    assert intake.read(body).warnings[0].startswith("body_ignored")
