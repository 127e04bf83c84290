"""Changing the password needs the old one, and signs everybody out who knew only that one."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from identity.devices import credentials
from identity.models import Platform, RateCount, User
from identity.sessions import passwords, tokens
from messaging.database import clock
from tests.identity.phones import ANA, PASSWORD, App, sign_in
from tests.race import at_once, held_up

URL = "/api/v1/me/password/"
NEW = "battery horse correct"
HASH = make_password(PASSWORD)


@pytest.fixture(autouse=True)
def _anas_password(ana: User) -> None:
    User.objects.filter(id=ana.id).update(password=HASH)
    ana.refresh_from_db()


def open_session(ana: User) -> tuple[App, str]:
    """A phone that is signed in, and its refresh token."""
    opened = tokens.open_session(ana, now=clock.now())
    return App(HTTP_AUTHORIZATION=f"Bearer {opened.access}"), opened.refresh


def put(app: App, password: Any = PASSWORD, new_password: Any = NEW) -> Any:
    return app.put(URL, {"password": password, "new_password": new_password})


def is_signed_in(refresh: str) -> bool:
    return bool(App().post("/api/v1/auth/token/refresh/", {"refresh": refresh}).status_code == 200)


def signs_in(password: str) -> bool:
    return bool(sign_in(App(), ANA, password).status_code == 200)


def change(ana: User) -> None:
    passwords.change(person=ana, password=PASSWORD, new_password=NEW, session_id=None, now=clock.now())


def test_every_other_session_ends_and_the_sos_credentials_stay(ana: User) -> None:
    (app, mine), (_, others) = open_session(ana), open_session(ana)
    device = credentials.register(person=ana, session_id=None, name="watch", platform=Platform.ANDROID, now=clock.now())

    assert put(app).status_code == 204

    assert (is_signed_in(mine), is_signed_in(others)) == (True, False)
    assert (signs_in(NEW), signs_in(PASSWORD)) == (True, False)
    ana.refresh_from_db()
    assert ana.password.startswith("argon2$argon2id$")
    assert App().post("/api/v1/sos-alerts/", {}, headers={"X-SOS-Credential": device.credential}).status_code == 201


def test_the_old_password_is_needed_and_its_tries_are_limited(ana: User) -> None:
    app, refresh = open_session(ana)
    refused = put(app, password="wrong")
    assert (refused.status_code, refused.json()["code"]) == (403, "password_wrong")
    RateCount.objects.update(count=10)
    limited = put(app)
    assert (limited.status_code, limited.json()["code"]) == (429, "too_many_requests")
    assert int(limited["Retry-After"]) > 0
    RateCount.objects.all().delete()
    assert (is_signed_in(refresh), signs_in(PASSWORD)) == (True, True)


@pytest.mark.parametrize("wrong", ["short1!", "password123", "1234567890123", "x" * 129, "", None, ["a"], "a\0" * 8])
def test_a_new_password_that_is_easy_to_guess_is_refused(ana: User, wrong: Any) -> None:
    app, _ = open_session(ana)
    answer = put(app, new_password=wrong)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["new_password"])
    assert signs_in(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_counts(ana: User) -> None:
    first, second = at_once(partial(change, ana), partial(change, ana))
    assert {type(first), type(second)} == {type(None), passwords.PasswordWrong}
    assert signs_in(NEW)


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_with_the_old_password_meanwhile_is_ended_too(ana: User) -> None:
    with held_up(partial(sign_in, App(), ANA, PASSWORD)) as signed_in:
        change(ana)
    assert signed_in.result().status_code == 401
