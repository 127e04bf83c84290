"""PINs that are refused because somebody else guesses them, and pairs because a shaking hand confuses them."""

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from identity.models import User
from identity.pins import trivial
from tests.identity.phones import PASSWORD, App

NUMBER = "+996555123456"
HASH = make_password(PASSWORD)


@pytest.mark.parametrize(
    "pin",
    [
        *("0000", "77777777", "1212", "123123", "12341234"),
        *("1234", "0123", "7890", "9012", "12345678", "4321", "9876", "3210", "1098"),
        *("1900", "1987", "2029", "2580", "0852"),
        *("3456", "123456", "55123456"),
    ],
)
def test_trivial(pin: str) -> None:
    assert trivial.is_trivial(pin, own_number=NUMBER)


@pytest.mark.parametrize("pin", ["1357", "24680", "1899", "2030", "1213", "1235", "19871", "55512345"])
def test_not_trivial(pin: str) -> None:
    assert not trivial.is_trivial(pin, own_number=NUMBER)


@pytest.mark.parametrize(
    "other", ["1357", "1358", "9357", "3157", "1537", "7351", "13570", "01357", "13557", "135", "157"]
)
def test_alike(other: str) -> None:
    assert trivial.are_alike("1357", other)
    assert trivial.are_alike(other, "1357")


@pytest.mark.parametrize("other", ["2468", "1368", "1573", "24680", "13"])
def test_not_alike(other: str) -> None:
    assert not trivial.are_alike("1357", other)
    assert not trivial.are_alike(other, "1357")


@pytest.mark.parametrize(
    ("fields", "named", "code"),
    [
        ({"safe_pin": "1234"}, "safe_pin", "trivial_pin"),
        ({"duress_pin": "1987"}, "duress_pin", "trivial_pin"),
        ({"duress_pin": "3456"}, "duress_pin", "trivial_pin"),
        ({"duress_pin": "3157"}, "duress_pin", "similar_pins"),
    ],
)
def test_the_api_names_the_field(ana: User, anas_app: App, fields: dict[str, Any], named: str, code: str) -> None:
    User.objects.filter(id=ana.id).update(password=HASH)
    ana.refresh_from_db()
    body = {"password": PASSWORD, "safe_pin": "1357", "duress_pin": "24680"} | fields
    answer = anas_app.put("/api/v1/me/pin/", body)
    assert answer.status_code == 400
    assert [(field, errors[0]["code"]) for field, errors in answer.json()["errors"].items()] == [(named, code)]
    assert anas_app.get("/api/v1/me/pin/").json() == {"is_set": False}
