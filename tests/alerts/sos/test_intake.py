import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.sos import intake
from alerts.sos.intake import Intake

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("42.8"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
BODIES = JSON_VALUES | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("latitude", "longitude", "address", "recorded_at", "sent_at"),
        JSON_VALUES | st.datetimes().map(lambda at: f"{at.isoformat()}+06:00"),
    ),
)


def read(body: object) -> Intake:
    return intake.read(body, now=NOW)


# On a busy machine the first texts are drawn slowly, which is no fault.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_any_body_is_read_into_values_that_can_be_stored(body: object) -> None:
    press = read(body)
    assert (press.latitude is None) == (press.longitude is None)
    if press.latitude is not None and press.longitude is not None:
        assert math.isfinite(press.latitude)
        assert math.isfinite(press.longitude)
        assert abs(press.latitude) <= 90
        assert abs(press.longitude) <= 180
    assert press.recorded_at is None or press.recorded_at <= NOW
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
        {"latitude": 0, "longitude": 0},
        {"latitude": "0.0", "longitude": -0.0},
        {"latitude": 0.0005, "longitude": -0.0009},
        {"latitude": 42.8, "longitude": 74.5, "accuracy": -1},
        {"latitude": 42.8, "longitude": 74.5, "accuracy": "-1.0"},
        {"latitude": 42.8, "longitude": None},
    ],
)
def test_a_wrong_position_is_left_out_whole(position: dict[str, object]) -> None:
    press = read(position | {"address": "Chüy 1"})
    assert (press.latitude, press.longitude, press.address) == (None, None, "Chüy 1")
    assert [warning.split(":")[0] for warning in press.warnings] == ["position_ignored"]


@pytest.mark.parametrize("position", [(0, 0.002), (51.5, 0), (-90, -180), (90.0, 180.0), ("42.8746", "74.5698")])
def test_a_position_on_earth_is_taken(position: tuple[object, object]) -> None:
    press = read({"latitude": position[0], "longitude": position[1], "altitude": 800})
    assert press.latitude is not None
    assert press.warnings == ()


def minutes_ago(minutes: int) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


@pytest.mark.parametrize(
    ("times", "ago"),
    [
        ({"recorded_at": minutes_ago(20)}, 20),
        ({"recorded_at": minutes_ago(20), "sent_at": minutes_ago(0)}, 20),
        # Sent 20 minutes after the fix by a clock that is an hour behind, and by one that is an hour ahead.
        ({"recorded_at": minutes_ago(80), "sent_at": minutes_ago(60)}, 20),
        ({"recorded_at": minutes_ago(-40), "sent_at": minutes_ago(-60)}, 20),
        ({"recorded_at": minutes_ago(-60)}, 0),
        # An old position keeps its time: called new, it would mislead.
        ({"recorded_at": minutes_ago(9 * 24 * 60)}, 9 * 24 * 60),
    ],
)
def test_a_position_that_waited_for_a_network_keeps_its_age(times: dict[str, str], ago: int) -> None:
    press = read({"latitude": 42.8, "longitude": 74.5} | times)
    assert press.place is not None
    assert press.place.at == NOW - timedelta(minutes=ago)
    assert press.warnings == ()


@pytest.mark.parametrize("wrong", ["now", "2026-03-01T11:00:00", 1_772_366_400, [], True])
def test_an_invalid_time_is_left_out(wrong: object) -> None:
    press = read({"latitude": 42.8, "longitude": 74.5, "recorded_at": wrong})
    assert (press.latitude, press.recorded_at) == (42.8, None)
    assert [warning.split(":")[0] for warning in press.warnings] == ["recorded_at_ignored"]


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
    press = read({"address": address})
    assert press.address == stored
    assert [warning.split(":")[0] for warning in press.warnings] == warnings


@pytest.mark.parametrize("body", [None, [], "SOS", 7, True])
def test_a_body_that_is_no_object_is_left_out(body: object) -> None:
    assert read(body).warnings[0].startswith("body_ignored")
