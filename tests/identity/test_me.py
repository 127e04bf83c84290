from functools import partial
from typing import Any

import pytest

from identity.models import User
from tests.race import at_once

from .conftest import signed_in
from .phones import BEN, App

ME = "/api/v1/me/"


def test_me(anas_app: App, ana: User) -> None:
    answer = anas_app.get(ME)
    assert answer.json() == {
        "id": str(ana.id),
        "phone_number": "+996555123456",
        "first_name": "Ana",
        "last_name": "Asanova",
        "language": "en",
        "email": None,
    }
    assert answer["ETag"].startswith('"')


def test_changing_oneself(anas_app: App, ana: User) -> None:
    changes = {"first_name": "  Айпери ", "last_name": "", "language": "ky", "email": "ana@example.org"}
    answer = anas_app.patch(ME, changes)
    assert answer.status_code == 200
    ana.refresh_from_db()
    assert (ana.first_name, ana.last_name, ana.language, ana.email) == (
        "Айпери",
        "",
        "ky",
        "ana@example.org",
    )
    assert anas_app.get(ME).json() == answer.json()
    assert anas_app.patch(ME, {"email": None}).json()["email"] is None


def test_the_number_and_the_rights_stay(anas_app: App, ana: User) -> None:
    anas_app.patch(ME, {"phone_number": BEN, "is_staff": True, "id": str(ana.id), "is_superuser": True})
    ana.refresh_from_db()
    assert (str(ana.phone_number), ana.is_staff, ana.is_superuser) == ("+996555123456", False, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [("first_name", ""), ("language", "xx"), ("email", "no address"), ("last_name", "x" * 51), ("email", [])],
)
def test_wrong_fields_are_named(anas_app: App, field: str, value: Any) -> None:
    answer = anas_app.patch(ME, {field: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_an_edit_of_an_old_version_is_refused(anas_app: App, ana: User) -> None:
    etag = anas_app.get(ME)["ETag"]
    changed = anas_app.patch(ME, {"first_name": "One"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed["ETag"] != etag
    refused = anas_app.patch(ME, {"first_name": "Two"}, headers={"If-Match": etag})
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    ana.refresh_from_db()
    assert ana.first_name == "One"
    for accepted in (changed["ETag"], f'"old", {changed["ETag"]}', "*"):
        assert anas_app.patch(ME, {}, headers={"If-Match": accepted}).status_code == 200


@pytest.mark.parametrize("header", ["", "garbage", 'W/"x"', '"', "\xff"])
def test_garbage_matches_nothing(anas_app: App, header: str) -> None:
    assert anas_app.patch(ME, {"first_name": "X"}, headers={"If-Match": header}).status_code == 412


def test_a_weak_etag_is_no_match(anas_app: App) -> None:
    etag = anas_app.get(ME)["ETag"]
    assert anas_app.patch(ME, {}, headers={"If-Match": f"W/{etag}"}).status_code == 412


@pytest.mark.django_db(transaction=True)
def test_of_edits_at_once_one_wins(anas_app: App, ana: User) -> None:
    etag = anas_app.get(ME)["ETag"]
    edits = [
        partial(signed_in(ana).patch, ME, {"first_name": name}, headers={"If-Match": etag})
        for name in ("One", "Two", "Three")
    ]
    assert sorted(answer.status_code for answer in at_once(*edits)) == [200, 412, 412]
