"""The PINs: set with the password, told apart by nobody, guessed by nobody."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from identity.models import Pin, RateCount, User
from identity.pins import pins
from identity.pins.pins import TYPED, PinLocked, PinRequired, PinWrong, Proof
from identity.pins.tries import FREE_TRIES, HELD_FOR, TRY_LASTS
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


def check(ana: User, pin: str, *, at: datetime | None = None, thing: str = "") -> Proof:
    return pins.check(person_id=ana.id, pin=pin, now=at or clock.now(), thing=thing)


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
    body = {"password": "wrong", "safe_pin": "8642", "duress_pin": "97531"}
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


def test_a_wrong_try_is_forgotten_after_its_time(anas_app: App, ana: User) -> None:
    put(anas_app)
    now = clock.now()
    for _ in range(FREE_TRIES):
        with pytest.raises(PinWrong):
            check(ana, WRONG, at=now)
    for _ in range(3):
        for pin in (SAFE, DURESS, WRONG):
            with pytest.raises(PinLocked) as locked:
                check(ana, pin, at=now)
            assert locked.value.retry_after_s == TRY_LASTS.total_seconds()
        now += TRY_LASTS
        assert check(ana, SAFE, at=now) is Proof.SAFE
        assert check(ana, DURESS, at=now) is Proof.DURESS
        with pytest.raises(PinWrong):
            check(ana, WRONG, at=now)


def test_the_safe_pin_is_heard_after_four_wrong_tries(anas_app: App, ana: User) -> None:
    put(anas_app)
    for _ in range(4):
        with pytest.raises(PinWrong):
            check(ana, WRONG)
    assert check(ana, SAFE) is Proof.SAFE


@pytest.mark.parametrize("right", [SAFE, DURESS])
def test_a_right_pin_forgives_nothing(anas_app: App, ana: User, right: str) -> None:
    put(anas_app)
    for _ in range(FREE_TRIES - 1):
        with pytest.raises(PinWrong):
            check(ana, WRONG)
        check(ana, right)
    with pytest.raises(PinWrong):
        check(ana, WRONG)
    with pytest.raises(PinLocked):
        check(ana, right)


def test_new_pins_forgive_nothing(anas_app: App, ana: User) -> None:
    put(anas_app)
    for _ in range(FREE_TRIES):
        with pytest.raises(PinWrong):
            check(ana, WRONG)
    put(anas_app)
    with pytest.raises(PinLocked):
        check(ana, SAFE)


@pytest.mark.parametrize(("first", "other"), [(SAFE, DURESS), (DURESS, SAFE)])
def test_for_one_thing_the_other_pin_is_wrong_for_an_hour(anas_app: App, ana: User, first: str, other: str) -> None:
    put(anas_app)
    now = clock.now()
    check(ana, first, at=now, thing="alert 1")
    for pin in (other, WRONG):
        with pytest.raises(PinWrong):
            check(ana, pin, at=now, thing="alert 1")
    check(ana, other, at=now, thing="alert 2")
    soon = now + HELD_FOR - timedelta(seconds=1)
    check(ana, first, at=soon, thing="alert 1")
    with pytest.raises(PinWrong):
        check(ana, other, at=soon, thing="alert 1")
    # The hour began with the first one: repeating it does not keep the other out for longer.
    check(ana, other, at=now + HELD_FOR, thing="alert 1")
    with pytest.raises(PinWrong):
        check(ana, first, at=now + HELD_FOR, thing="alert 1")


def test_even_right_pins_are_limited(anas_app: App, ana: User) -> None:
    """Comparing one costs processor time."""
    put(anas_app)
    RateCount.objects.all().delete()
    check(ana, SAFE)
    RateCount.objects.update(count=TYPED.times)
    with pytest.raises(PinLocked) as locked:
        check(ana, SAFE)
    assert 1 <= (locked.value.retry_after_s or 0) <= TYPED.window.total_seconds()


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_once_few_are_checked(anas_app: App, ana: User) -> None:
    put(anas_app)
    heard = at_once(*[partial(check, ana, WRONG)] * 12)
    assert sum(isinstance(answer, PinWrong) for answer in heard) == FREE_TRIES
    assert sum(isinstance(answer, PinLocked) for answer in heard) == 12 - FREE_TRIES


def test_another_persons_pin_is_not_mine(anas_app: App, ana: User, stranger: User) -> None:
    put(anas_app)
    assert check(stranger, SAFE) is Proof.NONE_SET
