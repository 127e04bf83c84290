from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from geo import schedules
from geo.models import GeoZone
from identity.models import EmergencyContact, User
from tests.geo.conftest import app
from tests.geo.stories import CIRCLE, SCHEDULE, SQUARE, polygon
from tests.race import at_once

pytestmark = pytest.mark.django_db
URL = "/api/v1/geozones/"


def test_a_circle_with_the_names_clients_use(phone: APIClient) -> None:
    made = phone.post(URL, CIRCLE | {"notify_on_enter": False, "notify_on_exit": True}, format="json")
    assert made.status_code == 201
    assert {name: made.data[name] for name in CIRCLE} == CIRCLE
    assert (made.data["notify_on_enter"], made.data["notify_on_exit"], made.data["shape"]) == (False, True, "circle")
    assert phone.get(f"{URL}{made.data['id']}/").data == made.data
    assert phone.get(URL).data["results"] == [made.data]


def test_a_polygon_is_shown_as_it_was_drawn(phone: APIClient) -> None:
    made = phone.post(URL, polygon(SQUARE, schedule=SCHEDULE), format="json")
    assert made.status_code == 201, made.data
    assert made.data["geometry"] == {"type": "Polygon", "coordinates": [SQUARE]}
    assert made.data["schedule"] == SCHEDULE
    assert made.data["latitude"] == pytest.approx(42.805, abs=1e-4)
    assert 600 < made.data["radius"] < 800


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": "x"},
        CIRCLE | {"radius": 1},
        CIRCLE | {"radius": 10**9},
        CIRCLE | {"latitude": 91},
        CIRCLE | {"longitude": "east"},
        CIRCLE | {"zone_type": "moon"},
        CIRCLE | {"name": "\u202e"},
        CIRCLE | {"name": ""},
        CIRCLE | {"geometry": {"type": "Polygon", "coordinates": [SQUARE]}},
        polygon(SQUARE[:-1]),
        polygon([*SQUARE[:-1], [0, 0]]),
        polygon([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]),
        polygon([[0, 0], [0.1, 0.1], [0.1, 0], [0, 0.1], [0, 0]]),
        polygon("x"),
        polygon([[0, 0]] * 300),
        polygon([[0, "x"]] * 5),
        polygon([[181, 0]] * 5),
        polygon([[True, False]] * 5),
        {"name": "x", "geometry": {"type": "Point", "coordinates": [1, 1]}},
        {"name": "x", "geometry": {"type": "Polygon", "coordinates": [SQUARE, SQUARE]}},
        {"name": "x", "geometry": 5},
        CIRCLE | {"schedule": SCHEDULE | {"days": []}},
        CIRCLE | {"schedule": SCHEDULE | {"days": [8]}},
        CIRCLE | {"schedule": SCHEDULE | {"from": "24:00"}},
        CIRCLE | {"schedule": SCHEDULE | {"time_zone": "../../etc/passwd"}},
        CIRCLE | {"schedule": {"days": [1]}},
        CIRCLE | {"schedule": 5},
        CIRCLE | {"contact_ids": [str(uuid4())]},
        CIRCLE | {"contact_ids": ["x"]},
        CIRCLE | {"contact_ids": 5},
    ],
)
def test_what_is_no_zone_is_refused(phone: APIClient, wrong: Any) -> None:
    answer = phone.post(URL, wrong, format="json")
    assert answer.status_code == 400, answer.data
    assert not GeoZone.objects.exists()


def test_part_of_a_schedule_is_no_change(phone: APIClient) -> None:
    made = phone.post(URL, CIRCLE | {"schedule": SCHEDULE}, format="json").data
    url = f"{URL}{made['id']}/"
    assert phone.patch(url, {"schedule": {"days": [1]}}, format="json").status_code == 400
    assert phone.patch(url, {"latitude": 1.0}, format="json").status_code == 400
    assert phone.patch(url, {"schedule": None}, format="json").data["schedule"] is None
    assert phone.get(url).data["name"] == "Home"


def test_an_edit_of_an_outdated_zone_is_refused(phone: APIClient) -> None:
    made = phone.post(URL, CIRCLE, format="json")
    url, first = f"{URL}{made.data['id']}/", made["ETag"]
    changed = phone.patch(url, {"name": "House"}, format="json", HTTP_IF_MATCH=first)
    assert (changed.status_code, changed.data["name"]) == (200, "House")
    assert changed["ETag"] != first
    assert phone.get(url)["ETag"] == changed["ETag"]
    for answer in (
        phone.patch(url, {"name": "Hut"}, format="json", HTTP_IF_MATCH=first),
        phone.delete(url, HTTP_IF_MATCH=first),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert phone.delete(url, HTTP_IF_MATCH=changed["ETag"]).status_code == 204
    assert phone.get(url).status_code == 404


def test_a_circle_becomes_a_polygon_and_back(phone: APIClient) -> None:
    made = phone.post(URL, CIRCLE, format="json").data
    url = f"{URL}{made['id']}/"
    drawn = phone.patch(url, {"geometry": {"type": "Polygon", "coordinates": [SQUARE]}}, format="json").data
    assert (drawn["shape"], drawn["name"]) == ("polygon", "Home")
    round_again = phone.patch(url, {"latitude": 1, "longitude": 2, "radius": 30}, format="json").data
    assert (round_again["shape"], round_again["geometry"]) == ("circle", None)


def test_there_is_a_limit(phone: APIClient, settings: Any) -> None:
    settings.ZONES_PER_PERSON = 2
    assert [phone.post(URL, CIRCLE, format="json").status_code for _ in range(3)] == [201, 201, 409]


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_for_requests_at_once(ana: User, settings: Any) -> None:
    settings.ZONES_PER_PERSON = 2
    answers = at_once(*[lambda: app(ana).post(URL, CIRCLE, format="json").status_code] * 5)
    assert sorted(answers) == [201, 201, 409, 409, 409]


def test_a_repeated_request_makes_one_zone(phone: APIClient) -> None:
    first, again = (phone.post(URL, CIRCLE, format="json", HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert first.data == again.data
    assert GeoZone.objects.count() == 1


def test_another_persons_zone_and_contacts_are_absent(phone: APIClient, aida: EmergencyContact, stranger: User) -> None:
    made = phone.post(URL, CIRCLE | {"contact_ids": [str(aida.id)]}, format="json").data
    theirs = app(stranger)
    url = f"{URL}{made['id']}/"
    assert theirs.get(URL).data["results"] == []
    assert [
        theirs.get(url).status_code,
        theirs.patch(url, {"name": "x"}, format="json").status_code,
        theirs.delete(url).status_code,
        theirs.get(f"{url}events/").status_code,
    ] == [404] * 4
    assert theirs.post(URL, CIRCLE | {"contact_ids": [str(aida.id)]}, format="json").status_code == 400


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22 + day, hour, minute, tzinfo=UTC)  # Day 1 is a Monday.


def test_a_schedule_is_in_its_own_time_zone() -> None:
    # Bishkek is UTC+6: 08:00 to 18:00 there.
    assert [schedules.is_open(SCHEDULE, at=_at(1, hour)) for hour in (1, 2, 11, 12)] == [False, True, True, False]
    assert not schedules.is_open(SCHEDULE, at=_at(6, 5))
    assert schedules.is_open(None, at=_at(6, 5))


def test_hours_past_midnight_belong_to_the_day_they_began_on() -> None:
    night = {"days": [5], "from": "22:00", "to": "06:00", "time_zone": "UTC"}
    moments = [_at(5, 5), _at(5, 22), _at(6, 5, 59), _at(6, 6), _at(6, 23)]
    assert [schedules.is_open(night, at=at) for at in moments] == [False, True, True, False, False]
    whole = {"days": [5], "from": "00:00", "to": "00:00", "time_zone": "UTC"}
    assert [schedules.is_open(whole, at=at) for at in (_at(5, 0), _at(5, 23, 59), _at(6, 0))] == [True, True, False]
