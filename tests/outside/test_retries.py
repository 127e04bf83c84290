"""A retry is answered with what stands, whatever has changed in it and whatever its Idempotency-Key is (Promise 11)."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from alerts.models import AlertPosition, AlertStatus, Heartbeat, SosAlert
from identity.models import IdempotencyRecord, User
from messaging.database import clock
from messaging.models import Message
from tests.alerts.conftest import Arm, Contacts, app
from tests.race import at_once

URL = "/api/v1/sos-alerts/"
HERE = {"latitude": 42.87, "longitude": 74.57}

pytestmark = pytest.mark.django_db


def press(phone: APIClient, body: Any, key: str = "press", *, url: str = URL) -> Any:
    return phone.post(url, body, format="json", headers={"Idempotency-Key": key})


def at(**ago: float) -> str:
    return (clock.now() - timedelta(**ago)).isoformat()


def codes(answer: Any) -> list[str]:
    return [warning.split(":")[0] for warning in answer.json()["warnings"]]


@pytest.mark.parametrize("first", [{}, {"sent_at": "2026-03-01T12:00:00Z"}, {"latitude": 0, "longitude": 200}])
def test_a_position_that_arrives_meanwhile_is_taken(phone: APIClient, contacts: Contacts, first: Any) -> None:
    contacts("Aida")
    alert = press(phone, first).json()["id"]
    again = press(phone, HERE | {"recorded_at": at(seconds=5), "sent_at": at()})
    assert (again.status_code, again.json()["id"], again.json()["latitude"]) == (200, alert, 42.87)
    assert (SosAlert.objects.get().latitude, AlertPosition.objects.count()) == (42.87, 1)
    assert Message.objects.count() == 1
    # A press that is sent again unchanged gets the first response.
    assert press(phone, first).status_code == 201


def test_a_fresh_time_is_no_other_request(phone: APIClient) -> None:
    alert = press(phone, HERE | {"sent_at": at()}).json()["id"]
    for _ in range(3):
        again = press(phone, HERE | {"sent_at": at()})
        assert (again.status_code, again.json()["id"]) == (200, alert)


def test_an_older_position_moves_nothing(phone: APIClient) -> None:
    press(phone, HERE | {"recorded_at": at(seconds=10)})
    again = press(phone, {"latitude": 42, "longitude": 74, "recorded_at": at(minutes=10), "sent_at": at()})
    assert (again.status_code, again.json()["latitude"]) == (200, 42.87)


@pytest.mark.parametrize("end", ["resolve", "cancel"])
def test_a_retry_after_the_end_alarms_nobody_again(phone: APIClient, contacts: Contacts, end: str) -> None:
    contacts("Aida")
    alert = press(phone, {}).json()["id"]
    ended = phone.post(f"{URL}{alert}/{end}/").json()["status"]
    again = press(phone, HERE | {"sent_at": at()})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, alert, ended)
    assert (SosAlert.objects.count(), again.json()["latitude"]) == (1, None)
    assert press(phone, HERE, "another").status_code == 201


def test_a_later_alert_takes_the_position_of_a_retry(phone: APIClient) -> None:
    first = press(phone, {}).json()["id"]
    phone.post(f"{URL}{first}/cancel/")
    second = press(phone, {}, "second").json()["id"]
    again = press(phone, HERE, "press")
    assert (again.json()["id"], again.json()["latitude"]) == (second, 42.87)


def test_a_retry_does_not_make_an_old_alert_give_way(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    alert = press(phone, {}).json()["id"]
    SosAlert.objects.update(status=AlertStatus.ACKNOWLEDGED)
    assert press(phone, HERE).json()["id"] == alert
    assert SosAlert.objects.get().status == AlertStatus.ACKNOWLEDGED
    assert press(phone, HERE, "a press").json()["id"] != alert


def test_an_sos_with_the_key_of_a_drill_is_an_sos(phone: APIClient) -> None:
    drill = press(phone, {"drill": True}).json()
    real = press(phone, {})
    assert (real.status_code, real.json()["is_drill"]) == (201, False)
    assert real.json()["id"] != drill["id"]
    marked = press(phone, {}, "k2", url=f"{URL}?drill=true")
    assert (marked.status_code, marked.json()["code"]) == (409, "sos_is_open")


def test_the_mark_of_a_drill_is_part_of_the_request(phone: APIClient) -> None:
    drill = press(phone, {}, url=f"{URL}?drill=true")
    assert drill.json()["is_drill"] is True
    assert press(phone, {}).json()["is_drill"] is False


@pytest.mark.parametrize(
    "key", ["k" * 101, "k" * 8_000, "a b", " k ", "a\tb", "\x7f", "ключ".encode().decode("latin-1"), '"k"é']
)
def test_any_key_is_a_key(phone: APIClient, contacts: Contacts, key: str) -> None:
    contacts("Aida")
    first = press(phone, {}, key)
    assert (first.status_code, codes(first)) == (201, ["idempotency_key_odd"])
    phone.post(f"{URL}{first.json()['id']}/cancel/")
    again = press(phone, {}, key)
    assert (again["Idempotency-Replayed"], again.json()["id"]) == ("true", first.json()["id"])
    changed = press(phone, HERE, key)
    assert (changed.status_code, changed.json()["id"], codes(changed)) == (
        200,
        first.json()["id"],
        ["idempotency_key_odd"],
    )
    assert press(phone, {}, f"{key}other").json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", "  ", "\xa0"])
def test_a_blank_key_is_none(phone: APIClient, key: str) -> None:
    first = press(phone, {}, key)
    assert (first.status_code, codes(first)) == (201, ["idempotency_key_odd"])
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("stored", [None, [], {"id": None}, {}])
def test_a_record_that_cannot_be_read_loses_no_sos(phone: APIClient, stored: Any) -> None:
    press(phone, {})
    SosAlert.objects.update(status=AlertStatus.RESOLVED, ended_at=clock.now())
    IdempotencyRecord.objects.update(encrypted_body=None, body=stored)
    assert press(phone, HERE).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_retries_at_once_with_other_bodies_are_one_alert(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    bodies = [HERE | {"sent_at": f"2026-03-01T12:00:0{second}Z"} for second in range(4)]
    answers = at_once(*[partial(press, app(ana), body) for body in bodies])
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Message.objects.count() == 1


class TestHeartbeats:
    def test_a_retry_may_hold_a_newer_position(self, phone: APIClient, arm: Arm) -> None:
        url = f"{arm()}heartbeat/"
        assert press(phone, {"battery": 40}, url=url).status_code == 201
        again = press(phone, HERE | {"battery": 39, "sent_at": at()}, url=url)
        assert (again.status_code, again.json()["last_heard"]["latitude"]) == (200, 42.87)
        assert Heartbeat.objects.count() == 2

    def test_a_retry_after_the_end_is_no_error(self, phone: APIClient, arm: Arm) -> None:
        timer = arm()
        assert press(phone, {"battery": 40}, url=f"{timer}heartbeat/").status_code == 201
        phone.post(f"{timer}complete/")
        again = press(phone, {"battery": 39}, url=f"{timer}heartbeat/")
        assert (again.status_code, again.json()["status"]) == (200, "completed")
        assert press(phone, {}, "new", url=f"{timer}heartbeat/").status_code == 409

    def test_any_key_is_a_key(self, phone: APIClient, arm: Arm) -> None:
        url = f"{arm()}heartbeat/"
        assert [press(phone, {}, "a b" * 50, url=url).status_code for _ in range(2)] == [201, 201]
        assert Heartbeat.objects.count() == 1

    def test_a_stranger_learns_nothing_by_a_key(self, stranger: User, phone: APIClient, arm: Arm) -> None:
        url = f"{arm()}heartbeat/"
        press(phone, {}, url=url)
        assert press(app(stranger), {"battery": 1}, url=url).status_code == 404
        assert press(phone, {}, url=f"/api/v1/timers/{uuid4()}/heartbeat/").status_code == 404


def test_elsewhere_another_body_is_still_refused(phone: APIClient) -> None:
    body = {"name": "Home", "latitude": 42.8, "longitude": 74.5, "radius": 100, "zone_type": "home"}
    assert press(phone, body, url="/api/v1/geozones/").status_code == 201
    other = press(phone, body | {"radius": 200}, url="/api/v1/geozones/")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    odd = press(phone, body, "a b", url="/api/v1/geozones/")
    assert (odd.status_code, odd.json()["code"]) == (400, "idempotency_key_invalid")
