"""Ending an alert once PINs are set."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from alerts.models import AlertEvent
from identity.models import Pin, User
from identity.pins import even_timing
from identity.pins.tries import FREE_TRIES, TRY_LASTS
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import all_clears, drive, messages
from tests.alerts.typed import DURESS_PIN, SAFE_PIN, set_pins

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _pins(ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    set_pins(ana)


def press(phone: APIClient) -> str:
    return str(phone.post(URL, {}, format="json").data["id"])


def end(phone: APIClient, alert: str, how: str = "cancel", **body: Any) -> Any:
    return phone.post(f"{URL}{alert}/{how}/", body, format="json")


@pytest.mark.parametrize(("how", "status"), [("cancel", "cancelled"), ("resolve", "resolved")])
def test_the_safe_pin_ends_it(phone: APIClient, contacts: Contacts, how: str, status: str) -> None:
    contacts("Aida")
    alert = press(phone)
    drive(messages(alert)[0], State.SENT)
    answer = end(phone, alert, how, pin=SAFE_PIN)
    assert (answer.status_code, answer.data["status"]) == (200, status)
    assert len(all_clears(alert)) == 1


@pytest.mark.parametrize("how", ["cancel", "resolve"])
@pytest.mark.parametrize("body", [{}, {"pin": None}, {"pin": ""}])
def test_without_a_pin_it_goes_on(phone: APIClient, how: str, body: dict[str, Any]) -> None:
    alert = press(phone)
    answer = end(phone, alert, how, **body)
    assert (answer.status_code, answer.json()["code"]) == (403, "pin_required")
    assert phone.get(f"{URL}{alert}/").data["status"] == "active"


@pytest.mark.parametrize("how", ["cancel", "resolve"])
def test_wrong_pins_never_end_it_and_are_in_the_timeline(phone: APIClient, how: str) -> None:
    alert = press(phone)
    for _ in range(FREE_TRIES):
        answer = end(phone, alert, how, pin="0000")
        assert (answer.status_code, answer.json()["code"]) == (403, "pin_wrong")
    locked = end(phone, alert, how, pin=SAFE_PIN)
    assert (locked.status_code, locked.json()["code"]) == (403, "pin_locked")
    assert 1 <= int(locked["Retry-After"]) <= TRY_LASTS.total_seconds()
    assert phone.get(f"{URL}{alert}/").data["status"] == "active"
    assert (
        list(AlertEvent.objects.order_by("id").values_list("kind", flat=True))
        == ["raised"] + ["pin_wrong"] * FREE_TRIES
    )


def test_a_locked_pin_never_keeps_an_sos_from_being_raised(phone: APIClient, ana: User) -> None:
    alert = press(phone)
    assert end(phone, alert, pin=SAFE_PIN).status_code == 200
    for _ in range(FREE_TRIES + 1):
        refused = end(phone, alert, pin="0000")
    assert refused.json()["code"] == "pin_locked"
    assert phone.post(URL, {}, format="json").status_code == 201


@pytest.mark.parametrize("pin", ["12", "123456789", "abcd", [], {}, True, "\0\0\0\0", "١٢٣٤", "1234\n5"])
def test_an_invalid_pin_is_refused_and_costs_no_try(phone: APIClient, ana: User, pin: Any) -> None:
    alert = press(phone)
    answer = end(phone, alert, pin=pin)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert Pin.objects.get(user=ana).tries_forgotten_at is None


def test_without_pins_a_pin_is_not_looked_at(phone: APIClient, ana: User) -> None:
    Pin.objects.all().delete()
    alert = press(phone)
    assert end(phone, alert, pin=DURESS_PIN).data["status"] == "cancelled"


def test_a_strangers_pin_tells_nothing(phone: APIClient, ana: User, stranger: User) -> None:
    alert = press(phone)
    for pin in (SAFE_PIN, DURESS_PIN, "0000"):
        assert end(app(stranger), alert, pin=pin).status_code == 404
    assert Pin.objects.get(user=ana).tries_forgotten_at is None
