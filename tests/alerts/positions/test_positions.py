"""Positions during an alert: late, twice, in any order, with wrong clocks, and half of them nonsense."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.models import AlertPosition, SosAlert
from alerts.positions import track
from geo import policy
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import app
from tests.race import at_once

pytestmark = pytest.mark.django_db


def url(alert: str) -> str:
    return f"/api/v1/sos-alerts/{alert}/locations/"


def batch_url(alert: str) -> str:
    return f"{url(alert)}batch/"


def at(seconds: float, **more: Any) -> dict[str, Any]:
    """A fix this many seconds from now, at a position of its own."""
    moment = clock.now() + timedelta(seconds=seconds)
    return {
        "id": str(uuid4()),
        "latitude": 42.9 + seconds / 10_000,
        "longitude": 74.6,
        "recorded_at": moment.isoformat(),
    } | more


def upload(phone: APIClient, alert: str, batch: list[Any], **more: Any) -> Any:
    return phone.post(batch_url(alert), {"locations": batch} | more, format="json")


def send(owner: User, alert: str, batch: list[dict[str, Any]]) -> Any:
    return upload(app(owner), alert, batch)


def opened_before(alert: str, **ago: float) -> None:
    SosAlert.objects.filter(id=alert).update(created_at=clock.now() - timedelta(**ago))
    AlertPosition.objects.filter(alert=UUID(alert)).update(at=clock.now() - timedelta(**ago))


def test_one_fix_is_where_the_person_is_now(phone: APIClient, pressed: str) -> None:
    details = {
        "accuracy": 8.5,
        "altitude": 760.0,
        "speed": 1.4,
        "course": 270.0,
        "battery": 41,
        "network": "4g",
        "activity": "walking",
    }
    before = phone.get(f"/api/v1/sos-alerts/{pressed}/")
    answer = phone.post(url(pressed), at(0, **details), format="json")
    assert (answer.status_code, answer.json()) == (201, {"stored": 1, "repeated": 0, "refused": []})
    after = phone.get(f"/api/v1/sos-alerts/{pressed}/", headers={"If-None-Match": before["ETag"]})
    assert (after.status_code, after.data["latitude"], after.data["longitude"]) == (200, pytest.approx(42.9), 74.6)
    latest, place_of_press = phone.get(url(pressed)).json()["results"]
    assert {name: latest[name] for name in details} == details
    assert (place_of_press["latitude"], place_of_press["accuracy"]) == (42.8746, None)


def test_a_batch_in_any_order_ends_at_its_newest(phone: APIClient, pressed: str) -> None:
    opened_before(pressed, minutes=10)
    batch = [at(-60), at(-5), at(-300), at(-120)]
    assert upload(phone, pressed, batch).data["stored"] == 4
    alert = SosAlert.objects.get(id=pressed)
    assert alert.latitude == batch[1]["latitude"]
    newest = track.newest(alert.id)
    assert newest is not None
    assert newest.latitude == batch[1]["latitude"]
    in_time = [position.latitude for position in track.trail(alert.id, limit=3)]
    assert in_time == [batch[3]["latitude"], batch[0]["latitude"], batch[1]["latitude"]]


def test_a_late_batch_does_not_take_the_person_back(phone: APIClient, pressed: str) -> None:
    opened_before(pressed, minutes=10)
    phone.post(url(pressed), at(-1, latitude=43.1), format="json")
    assert upload(phone, pressed, [at(-200), at(-100)]).data["stored"] == 2
    assert SosAlert.objects.get(id=pressed).latitude == 43.1


def test_what_is_sent_again_is_stored_once_and_changes_nothing(phone: APIClient, pressed: str) -> None:
    with_ids, without = [at(-3), at(-2)], [at(-1) | {"id": None}]
    first = upload(phone, pressed, with_ids + without).json()
    before = SosAlert.objects.values().get(id=pressed)
    again = upload(phone, pressed, [*with_ids, *without, with_ids[0]]).json()
    assert (first["stored"], first["repeated"]) == (3, 0)
    assert (again["stored"], again["repeated"]) == (0, 4)
    assert AlertPosition.objects.filter(alert=UUID(pressed)).count() == 4  # And the position of the press.
    assert SosAlert.objects.values().get(id=pressed) == before


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"latitude": 91}, "out_of_range", "latitude"),
        ({"latitude": "north"}, "not_a_number", "latitude"),
        ({"latitude": True}, "not_a_number", "latitude"),
        ({"longitude": -180.5}, "out_of_range", "longitude"),
        ({"longitude": None}, "required", "longitude"),
        ({"latitude": 10**400}, "out_of_range", "latitude"),
        ({"latitude": 0, "longitude": 0}, "null_island", "latitude"),
        ({"latitude": 0.0004, "longitude": -0.0002}, "null_island", "latitude"),
        ({"recorded_at": "yesterday"}, "not_a_time", "recorded_at"),
        ({"recorded_at": "2026-02-30T00:00:00Z"}, "not_a_time", "recorded_at"),
        ({"recorded_at": "2026-02-20T00:00:00"}, "no_time_zone", "recorded_at"),
        ({"recorded_at": "0001-01-01T00:00:00+14:00"}, "not_a_time", "recorded_at"),
        ({"recorded_at": 1_700_000_000}, "not_a_time", "recorded_at"),
        ({"recorded_at": "9999-12-31T23:59:59Z"}, "in_the_future", "recorded_at"),
        ({"recorded_at": "1970-01-01T00:00:00Z"}, "too_old", "recorded_at"),
    ],
)
def test_a_wrong_fix_is_refused_by_itself(
    phone: APIClient, pressed: str, wrong: dict[str, Any], code: str, field: str
) -> None:
    opened_before(pressed, minutes=10)
    answer = upload(phone, pressed, [at(-2), at(-1, **wrong), at(0)])
    refused = [{"index": 1, "code": code, "field": field}]
    assert (answer.status_code, answer.json()) == (201, {"stored": 2, "repeated": 0, "refused": refused})
    alone = phone.post(url(pressed), at(-1, **wrong), format="json")
    assert (alone.status_code, alone.json()["errors"][field][0]["code"]) == (400, code)


def test_a_wrong_detail_is_left_out(phone: APIClient, pressed: str) -> None:
    wrong = {"accuracy": -1, "battery": 101, "speed": "fast", "course": 361, "altitude": 1e9, "activity": 7}
    fix = at(0, id="7", network="6g", sent_at="now", **wrong)
    assert phone.post(url(pressed), fix, format="json").data["stored"] == 1
    assert phone.post(url(pressed), fix, format="json").data["repeated"] == 1
    stored = phone.get(url(pressed)).json()["results"][0]
    assert [stored[name] for name in wrong] == [None, None, None, None, None, "unknown"]
    assert stored["network"] == "unknown"


def test_an_accuracy_beyond_all_is_not_forgotten(phone: APIClient, pressed: str) -> None:
    upload(phone, pressed, [at(0, accuracy=5e6)])
    assert phone.get(url(pressed)).json()["results"][0]["accuracy"] == policy.WORST_ACCURACY_M


@pytest.mark.parametrize("body", ['""', "7", "null", "[]", "{}", '{"locations": 3}', '{"locations": [NaN]}', "{"])
def test_a_body_without_a_list_is_a_clear_error(phone: APIClient, pressed: str, body: str) -> None:
    for path in (batch_url(pressed), url(pressed)):
        answer = phone.post(path, body, content_type="application/json")
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_batch_has_a_limit(phone: APIClient, pressed: str) -> None:
    answer = upload(phone, pressed, [{}] * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_fixes")
    assert upload(phone, pressed, []).json() == {"stored": 0, "repeated": 0, "refused": []}


def test_garbage_in_the_list_is_refused_item_by_item(phone: APIClient, pressed: str) -> None:
    answer = upload(phone, pressed, [None, 1, "x", [], {}]).json()
    assert [refusal["code"] for refusal in answer["refused"]] == ["not_an_object"] * 4 + ["required"]


def test_a_thousand_full_fixes_are_one_request_and_few_statements(phone: APIClient, pressed: str) -> None:
    opened_before(pressed, hours=1)
    details = {"accuracy": 12.345678, "altitude": 760.123456, "speed": 1.234567, "course": 271.5, "battery": 55}
    batch = [at(-n, network="lte", activity="in_vehicle", **details) for n in range(1000)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = upload(phone, pressed, batch)
    assert answer.data["stored"] == 1000
    assert len(queries) < 15
    assert upload(phone, pressed, [at(0, network="x" * 600_000)]).status_code == 413
    packed = gzip.compress(json.dumps({"locations": [at(0)]}).encode())
    zipped = phone.post(batch_url(pressed), packed, content_type="application/json", HTTP_CONTENT_ENCODING="gzip")
    assert zipped.data["stored"] == 1


def test_a_clock_that_is_wrong_is_put_right_by_the_time_of_sending(phone: APIClient, pressed: str) -> None:
    opened_before(pressed, minutes=10)
    slow = timedelta(days=20_000).total_seconds()  # A phone that lost its time shows 1970.
    sent_at = (clock.now() - timedelta(seconds=slow)).isoformat()
    batch = [at(-slow - 30, latitude=43.0), at(-slow - 90, latitude=43.1)]
    assert upload(phone, pressed, batch, sent_at=sent_at).data["stored"] == 2
    newest = track.newest(SosAlert.objects.get().id)
    assert newest is not None
    assert newest.latitude == 43.0
    assert newest.at == pytest.approx(clock.now() - timedelta(seconds=30), abs=timedelta(seconds=3))


def test_a_clock_that_is_ahead_is_put_right_without_it(phone: APIClient, pressed: str) -> None:
    opened_before(pressed, minutes=10)
    upload(phone, pressed, [at(300, latitude=43.0), at(240, latitude=43.1)])
    newest, before = reversed(track.trail(SosAlert.objects.get().id, limit=2))
    assert newest.latitude == 43.0
    assert newest.at == newest.received_at
    assert newest.at - before.at == pytest.approx(timedelta(seconds=60), abs=timedelta(seconds=1))


def test_after_the_end_late_fixes_are_kept_and_new_ones_are_not(phone: APIClient, pressed: str) -> None:
    opened_before(pressed, minutes=10)
    phone.post(f"/api/v1/sos-alerts/{pressed}/resolve/")
    ended = SosAlert.objects.values().get(id=pressed)
    ended_at = cast(datetime, ended["ended_at"])
    SosAlert.objects.filter(id=pressed).update(ended_at=ended_at - timedelta(seconds=60))
    during, after = at(-90), at(-10)
    assert phone.post(url(pressed), after, format="json").json()["code"] == "alert_ended"
    assert phone.post(url(pressed), after, format="json").status_code == 409
    refused = [{"index": 0, "code": "alert_ended", "field": "recorded_at"}]
    assert upload(phone, pressed, [after, during]).json() == {"stored": 1, "repeated": 0, "refused": refused}
    alert = SosAlert.objects.values().get(id=pressed)
    assert (alert["latitude"], alert["updated_at"]) == (ended["latitude"], ended["updated_at"])


def test_an_address_stays_while_it_is_near(phone: APIClient, pressed: str) -> None:
    opened_before(pressed, minutes=1)
    phone.post(url(pressed), at(-2, latitude=42.8750, longitude=74.5698), format="json")
    assert SosAlert.objects.get(id=pressed).address == "Chüy 1"
    phone.post(url(pressed), at(-1, latitude=42.8846, longitude=74.5698), format="json")
    assert SosAlert.objects.get(id=pressed).address == ""


def test_an_alert_takes_only_so_many(phone: APIClient, pressed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "MAX_PER_ALERT", 3)
    answer = upload(phone, pressed, [at(-1), at(-3), at(-2)]).json()
    assert (answer["stored"], answer["refused"]) == (2, [{"index": 0, "code": "too_many", "field": ""}])


def test_an_app_gone_wild_is_slowed(phone: APIClient, pressed: str) -> None:
    codes = [phone.post(url(pressed), at(0), format="json").status_code for _ in range(130)]
    assert codes[:100] == [201] * 100
    assert 429 in codes or clock.now().second < 5  # The minute may have turned.


def test_another_persons_alert_answers_like_none(stranger: User, pressed: str) -> None:
    post = partial(app(stranger).post, format="json")
    calls: list[tuple[Callable[[str], Any], Callable[[str], str]]] = [
        (app(stranger).get, url),
        (partial(post, data=at(0)), url),
        (partial(post, data={"locations": [at(0)]}), batch_url),
    ]
    for call, path in calls:
        theirs, none = call(path(pressed)), call(path(str(uuid4())))
        assert (theirs.status_code, theirs.content) == (404, none.content)
    assert AlertPosition.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_batch_at_once_on_two_connections_is_stored_once(ana: User, pressed: str) -> None:
    for _ in range(4):
        batch = [at(-n) for n in range(50)]
        answers = at_once(*(partial(send, ana, pressed, order) for order in (batch, batch[::-1])))
        assert sorted(answer.data["stored"] for answer in answers) == [0, 50]
        assert SosAlert.objects.get(id=pressed).latitude == batch[0]["latitude"]
    assert AlertPosition.objects.count() == 201
