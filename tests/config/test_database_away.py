"""Without a database every URL answers 503 and says when to come again."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from identity.models import User
from messaging.database.sql import rows

TOKEN = "a" * 22


def operations() -> list[tuple[str, str]]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    return [(method, path) for path, methods in paths.items() for method in methods]


@pytest.fixture
def _away(db: None) -> Iterator[None]:
    def refuse(*_: Any) -> Any:
        raise OperationalError("the database system is shutting down")

    with connection.execute_wrapper(refuse):
        yield


@pytest.fixture
def _takes_no_writes(db: None) -> Iterator[None]:
    with transaction.atomic():
        rows("SET LOCAL transaction_read_only = on")
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("_away")
def test_every_operation_says_when_to_come_again() -> None:
    phone = APIClient(raise_request_exception=False)
    phone.force_authenticate(User(id=uuid4(), phone_number="+996555123456"))
    asked = 0
    for method, path in operations():
        address = re.sub(r"{[^}]+}", str(uuid4()), path)
        answer = phone.generic(method.upper(), address, "{}", content_type="application/json")
        assert answer.status_code != 500, (method, path)
        if answer.status_code == 503:
            asked += 1
            assert int(answer["Retry-After"]) > 0, (method, path)
            assert answer.json()["code"] == "temporarily_unavailable", (method, path)
    # The other operations refuse the empty body first.
    assert asked > 40


@pytest.mark.usefixtures("_takes_no_writes")
def test_a_server_that_takes_no_writes_is_as_good_as_none() -> None:
    """After a switch-over a proxy may lead to the old primary for a while."""
    asked = {"phone_number": "+996555123456", "password": "wrong for sure"}
    answer = APIClient(raise_request_exception=False).post("/api/v1/auth/login/", asked, format="json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer.json()["code"] == "temporarily_unavailable"


@pytest.mark.usefixtures("_away")
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("HEAD", ""), ("GET", "/live"), ("POST", "/answer"), ("GET", "/contact"), ("POST", "/contact")],
)
def test_the_contacts_page_says_whom_to_call_meanwhile(method: str, path: str) -> None:
    answer = Client().generic(method, f"/a/{TOKEN}{path}?lang=ru")

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer["Content-Type"].startswith("text/html")
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store, private", "no-referrer")
    if method != "HEAD":
        page = answer.content.decode()
        for words in ("The page cannot be shown", "Страница временно", "Барак убактылуу", 'href="tel:112"'):
            assert words in page
        # The link and the reload both lead back to the page in its language, whichever path was asked for.
        assert page.count(f"/a/{TOKEN}?lang=ru") == 2
        assert "<script" not in page
