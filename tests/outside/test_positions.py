"""Contacts read where the phone was, how exactly and when; never "just now" of a place that may be old (Promise 11)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from alerts.models import AlertPosition, SosAlert
from geo.models import Whereabouts
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import Contacts
from tests.alerts.engine import messages, token_in

URL = "/api/v1/sos-alerts/"
HERE = {"latitude": 42.87, "longitude": 74.57}
UNKNOWN = "Position: its age is not known, it may be old"

pytestmark = pytest.mark.django_db


def ago(**since: float) -> str:
    return (clock.now() - timedelta(**since)).isoformat()


def press(phone: APIClient, **body: Any) -> Any:
    answer = phone.post(URL, HERE | body, format="json")
    assert answer.status_code in (200, 201)
    return answer


def page(answer: Any) -> str:
    return Client().get(f"/a/{token_in(messages(answer.json()['id'])[0])}").content.decode()


def codes(answer: Any) -> list[str]:
    return [warning.split(":")[0] for warning in answer.json()["warnings"]]


@pytest.fixture(autouse=True)
def aida(contacts: Contacts) -> None:
    contacts("Aida")


def test_accuracy_and_charge_reach_the_contacts(phone: APIClient) -> None:
    answer = press(phone, accuracy=35.4, battery=7, recorded_at=ago(minutes=3), sent_at=ago())
    assert codes(answer) == []
    for words in ("Position: ", "3 min ago", "within 35 m", "Phone battery: 7 %"):
        assert words in page(answer)


@pytest.mark.parametrize(("battery", "shown"), [(0, 0), ("12", 12), (99.9, 99), (100, 100)])
def test_a_charge_is_shown_without_a_position(phone: APIClient, battery: Any, shown: int) -> None:
    answer = press(phone, latitude=None, longitude=None, battery=battery)
    assert "The position is not known yet." in page(answer)
    assert f"Phone battery: {shown} %" in page(answer)


def test_a_later_press_brings_a_later_charge(phone: APIClient) -> None:
    press(phone, latitude=None, longitude=None, battery=50)
    press(phone, latitude=None, longitude=None)
    assert "Phone battery: 50 %" in page(press(phone, latitude=None, longitude=None))
    assert "Phone battery: 3 %" in page(press(phone, latitude=None, longitude=None, battery=3))


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"accuracy": "good"}, "accuracy_ignored"),
        ({"accuracy": True}, "accuracy_ignored"),
        ({"accuracy": []}, "accuracy_ignored"),
        ({"battery": "full"}, "battery_ignored"),
        ({"battery": 101}, "battery_ignored"),
        ({"battery": {}}, "battery_ignored"),
    ],
)
def test_a_wrong_detail_is_left_out_with_a_warning(phone: APIClient, stated: Any, code: str) -> None:
    answer = press(phone, **stated)
    assert codes(answer) == [code]
    kept = AlertPosition.objects.get()
    assert (kept.accuracy_m, kept.battery_pct) == (None, None)


@pytest.mark.parametrize(
    "nowhere",
    [
        {"latitude": 0, "longitude": 0},
        {"latitude": 0.0, "longitude": -0.0, "accuracy": 5},
        {"latitude": "0", "longitude": "0"},
        {"accuracy": -1},
        {"accuracy": -0.1},
        {"accuracy": "-1"},
    ],
)
def test_no_fix_is_no_position(phone: APIClient, nowhere: Any) -> None:
    answer = press(phone, **nowhere)
    assert (codes(answer), answer.json()["latitude"]) == (["position_ignored"], None)
    assert not AlertPosition.objects.exists()
    assert "The position is not known yet." in page(answer)


class TestQueued:
    """A press that waited and is sent as it was written looks like a press of a phone whose clock is behind."""

    @pytest.mark.parametrize(
        "times",
        [
            lambda: {"recorded_at": ago(hours=2), "sent_at": ago(hours=2)},
            lambda: {"recorded_at": ago(hours=2, seconds=20), "sent_at": ago(hours=2)},
            lambda: {"sent_at": ago(hours=2)},
            lambda: {"recorded_at": ago(minutes=1), "sent_at": ago(minutes=1)},
        ],
    )
    def test_its_age_is_not_known(self, phone: APIClient, times: Any) -> None:
        answer = press(phone, **times())
        assert UNKNOWN in page(answer)
        assert "Position: <time" not in page(answer)

    @pytest.mark.parametrize("behind_s", [0, 10])
    def test_a_phone_whose_clock_was_right_waited(self, ana: User, phone: APIClient, behind_s: float) -> None:
        Whereabouts.objects.create(person=ana, seen_at=clock.now(), clock_behind_s=behind_s)
        answer = press(phone, recorded_at=ago(hours=2), sent_at=ago(hours=2))
        assert UNKNOWN not in page(answer)
        # Contacts read hours, not minutes.
        kept = AlertPosition.objects.get()
        assert timedelta(minutes=119) < clock.now() - kept.at < timedelta(minutes=121)

    def test_a_phone_whose_clock_was_behind_did_not_wait(self, ana: User, phone: APIClient) -> None:
        Whereabouts.objects.create(person=ana, seen_at=clock.now(), clock_behind_s=7_200)
        answer = press(phone, recorded_at=ago(hours=2), sent_at=ago(hours=2))
        assert UNKNOWN not in page(answer)
        assert clock.now() - AlertPosition.objects.get().at < timedelta(minutes=1)

    def test_a_phone_that_sent_no_fix_tells_nothing_of_its_clock(self, ana: User, phone: APIClient) -> None:
        Whereabouts.objects.create(person=ana)
        assert UNKNOWN in page(press(phone, recorded_at=ago(hours=2), sent_at=ago(hours=2)))

    def test_a_clock_that_is_ahead_is_only_wrong(self, phone: APIClient) -> None:
        answer = press(phone, recorded_at=ago(hours=-2), sent_at=ago(hours=-2))
        assert UNKNOWN not in page(answer)

    def test_a_position_of_known_age_comes_first(self, phone: APIClient) -> None:
        answer = press(phone, recorded_at=ago(hours=2), sent_at=ago(hours=2))
        fix = {"latitude": 42.9, "longitude": 74.6, "recorded_at": ago(minutes=5), "sent_at": ago()}
        assert phone.post(f"{URL}{answer.json()['id']}/locations/", fix, format="json").status_code == 201
        assert UNKNOWN not in page(answer)
        assert "42.90000" in page(answer)
        again = press(phone, recorded_at=ago(hours=1), sent_at=ago(hours=1))
        assert again.json()["latitude"] == SosAlert.objects.get().latitude == 42.9
        assert "42.90000" in page(answer)

    @pytest.mark.parametrize(("language", "words"), [("ru", "неизвестно; может быть старым"), ("ky", "эски болушу")])
    def test_it_is_said_in_the_contacts_language(
        self, phone: APIClient, contacts: Contacts, language: str, words: str
    ) -> None:
        contacts("Bek", language=language)
        answer = press(phone, sent_at=ago(hours=2))
        bek = Client().get(f"/a/{token_in(messages(answer.json()['id'])[1])}").content.decode()
        assert words in bek
