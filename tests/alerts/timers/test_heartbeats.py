"""Heartbeats of a phone whose timer runs: recorded in their order, whatever its clock says. They never end a timer."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from alerts.models import ActivityTimer, Heartbeat
from alerts.timers import heartbeats
from messaging.database import clock
from tests.alerts.conftest import Arm
from tests.alerts.timers.running_out import pass_time

pytestmark = pytest.mark.django_db


def test_a_heartbeat_tells_of_the_phone_and_puts_nothing_off(phone: APIClient, arm: Arm) -> None:
    url = arm()
    before = ActivityTimer.objects.get().ends_at
    here = {"battery": 41, "network": "4g", "latitude": 42.87, "longitude": 74.56, "accuracy": 12.5}
    answer = phone.post(f"{url}heartbeat/", here, format="json")
    assert answer.status_code == 201
    assert {name: answer.data["last_heard"][name] for name in here} == here
    indoors = phone.post(f"{url}heartbeat/", {"battery": 40, "network": "wifi"}, format="json").data["last_heard"]
    assert (indoors["battery"], indoors["latitude"]) == (40, 42.87)
    assert indoors["position_at"] < indoors["at"]
    assert ActivityTimer.objects.get().ends_at == before


def test_a_heartbeat_that_comes_late_is_not_the_last(phone: APIClient, arm: Arm) -> None:
    url = arm()
    pass_time(url, timedelta(minutes=30))
    phone.post(f"{url}heartbeat/", {"battery": 10}, format="json")
    late = (clock.now() - timedelta(minutes=10)).isoformat()
    heard = phone.post(f"{url}heartbeat/", {"battery": 50, "recorded_at": late}, format="json").data["last_heard"]
    assert heard["battery"] == 10
    ahead = (clock.now() + timedelta(days=400)).isoformat()
    phone.post(f"{url}heartbeat/", {"battery": 9, "recorded_at": ahead}, format="json")
    assert phone.post(f"{url}heartbeat/", {"battery": 8}, format="json").data["last_heard"]["battery"] == 8


def test_a_heartbeat_from_a_wrong_clock_is_put_right(phone: APIClient, arm: Arm) -> None:
    url = arm()
    pass_time(url, timedelta(minutes=30))
    phones = clock.now() - timedelta(days=20_000)  # A phone that lost its time believes that it is 1970.
    beat = {"battery": 50, "recorded_at": (phones - timedelta(minutes=10)).isoformat(), "sent_at": phones.isoformat()}
    assert phone.post(f"{url}heartbeat/", beat, format="json").status_code == 201
    ten_minutes_ago = clock.now() - timedelta(minutes=10)
    assert Heartbeat.objects.get().at == pytest.approx(ten_minutes_ago, abs=timedelta(seconds=3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"battery": 101},
        {"battery": "full"},
        {"latitude": 42.0},
        {"latitude": 91, "longitude": 0},
        {"latitude": "nan", "longitude": "nan"},
        {"latitude": True, "longitude": True},
        {"latitude": 0, "longitude": 0},
        {"accuracy": "inf"},
    ],
)
def test_a_wrong_detail_of_a_heartbeat_is_left_out(phone: APIClient, arm: Arm, wrong: Any) -> None:
    heard = phone.post(f"{arm()}heartbeat/", {"network": "4g"} | wrong, format="json").data["last_heard"]
    assert (heard["network"], *(heard[name] for name in wrong)) == ("4g", *[None] * len(wrong))


@pytest.mark.parametrize("body", [{"recorded_at": "yesterday"}, {"recorded_at": "2026-02-20T00:00:00"}, []])
def test_an_invalid_heartbeat_is_refused(phone: APIClient, arm: Arm, body: Any) -> None:
    assert phone.post(f"{arm()}heartbeat/", body, format="json").status_code == 400
    assert not Heartbeat.objects.exists()


def test_heartbeats_are_bounded(phone: APIClient, arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    url = arm()
    monkeypatch.setattr(heartbeats, "KEPT", 3)
    for battery in range(heartbeats.OFTEN.times):
        assert phone.post(f"{url}heartbeat/", {"battery": battery}, format="json").status_code == 201
    assert list(Heartbeat.objects.order_by("id").values_list("battery_pct", flat=True)) == [57, 58, 59]
    refused = phone.post(f"{url}heartbeat/", {}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
