"""The PINs: set with the password, told apart by nobody, guessed by nobody."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from identity.models import Pin, RateCount, User
from identity.pins import pins
from identity.pins.pins import FREE_TRIES, PinLocked, PinRequired, PinWrong, Proof
from messaging.database import clock
from tests.identity.phones import PASSWORD, App
from tests.race import at_once

URL = "/api/v1/me/pin/"
SAFE, DURESS, WRONG = "1357", "24680", "1358"
HASH = make_password(PASSWORD)


@pytest.fixture(autouse=True)
def _anas_password(ana: User) -> None:
    User.objects.filter(id=ana.id).update(password=HASH)
    ana.refresh_from_db()


def put(app: App, **fields: Any) -> Any:
    return app.put(URL, {"password": PASSWORD, "safe_pin": SAFE, "duress_pin": DURESS} | fields)


def check(ana: User, pin: str, *, after: timedelta = timedelta(0)) -> Proof:
    return pins.check(person_id=ana.id, pin=pin, now=clock.now() + after)


def test_setting_and_removing(anas_app: App, ana: User) -> None:
    assert anas_app.get(URL).json() == {"is_set": False}
    answer = put(anas_app)
    assert (answer.status_code, answer.json()) == (200, {"is_set": True})
    assert anas_app.get(URL).json() == {"is_set": True}
    assert check(ana, SAFE) is Proof.SAFE
    assert check(ana, DURESS) is Proof.DURESS
    assert anas_app.delete(URL, {"password": PASSWORD}).status_code == 204
    assert anas_app.get(URL).json() == {"is_set": False}
    assert check(ana, "") is Proof.NONE_SET


def test_they_are_stored_as_argon2(anas_app: App, ana: User) -> None:
    put(anas_app)
    held = Pin.objects.get(user=ana)
    assert held.safe_hash.startswith("argon2$argon2id$")
    assert held.duress_hash.startswith("argon2$argon2id$")


@pytest.mark.parametrize("method", ["put", "delete"])
def test_the_password_is_needed_and_its_tries_are_limited(anas_app: App, ana: User, method: str) -> None:
    put(anas_app)
    body = {"password": "wrong", "safe_pin": "9999", "duress_pin": "8888"}
    refused = getattr(anas_app, method)(URL, body)
    assert (refused.status_code, refused.json()["code"]) == (403, "password_wrong")
    RateCount.objects.update(count=10)
    limited = getattr(anas_app, method)(URL, body | {"password": PASSWORD})
    assert (limited.status_code, limited.json()["code"]) == (429, "too_many_requests")
    assert check(ana, SAFE) is Proof.SAFE


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"safe_pin": "123"}, "safe_pin"),
        ({"duress_pin": "123456789"}, "duress_pin"),
        ({"safe_pin": "12a4"}, "safe_pin"),
        ({"safe_pin": "١٢٣٤"}, "safe_pin"),
        ({"safe_pin": None}, "safe_pin"),
        ({"safe_pin": ["1234"]}, "safe_pin"),
        ({"duress_pin": SAFE}, "duress_pin"),
        ({"password": None}, "password"),
    ],
)
def test_wrong_fields_are_named(anas_app: App, fields: dict[str, Any], named: str) -> None:
    answer = put(anas_app, **fields)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [named])
    assert anas_app.get(URL).json() == {"is_set": False}


def test_no_pin_is_asked_for_and_costs_no_try(anas_app: App, ana: User) -> None:
    put(anas_app)
    for _ in range(FREE_TRIES + 1):
        with pytest.raises(PinRequired):
            check(ana, "")
    assert check(ana, SAFE) is Proof.SAFE


def test_wrong_tries_lock_for_longer_and_longer(anas_app: App, ana: User) -> None:
    put(anas_app)
    for _ in range(FREE_TRIES):
        with pytest.raises(PinWrong):
            check(ana, WRONG)
    waits = []
    after = timedelta(0)
    for _ in range(8):
        for pin in (SAFE, DURESS, WRONG):
            with pytest.raises(PinLocked) as locked:
                check(ana, pin, after=after)
        waits.append(locked.value.retry_after_s or 0)
        after += timedelta(seconds=waits[-1])
        with pytest.raises(PinWrong):
            check(ana, WRONG, after=after)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    after += timedelta(hours=1)
    assert check(ana, SAFE, after=after) is Proof.SAFE
    with pytest.raises(PinWrong):
        check(ana, WRONG)
    assert check(ana, DURESS) is Proof.DURESS


@pytest.mark.parametrize("right", [SAFE, DURESS])
def test_a_right_pin_forgives_the_wrong_ones(anas_app: App, ana: User, right: str) -> None:
    put(anas_app)
    for _ in range(3):
        for _ in range(FREE_TRIES - 1):
            with pytest.raises(PinWrong):
                check(ana, WRONG)
        check(ana, right)


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_once_few_are_checked(anas_app: App, ana: User) -> None:
    put(anas_app)
    heard = at_once(*[partial(check, ana, WRONG)] * 12)
    assert sum(isinstance(answer, PinWrong) for answer in heard) == FREE_TRIES
    assert sum(isinstance(answer, PinLocked) for answer in heard) == 12 - FREE_TRIES


def test_another_persons_pin_is_not_mine(anas_app: App, ana: User, stranger: User) -> None:
    put(anas_app)
    assert check(stranger, SAFE) is Proof.NONE_SET
