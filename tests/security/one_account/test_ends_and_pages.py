"""Ends of alerts, and pages that anybody may open."""

import time
from contextlib import ExitStack
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.models import SosAlert
from config import document, health
from identity.api import person_limits
from identity.models import User
from identity.pins import even_timing
from tests.alerts.typed import SAFE_PIN, set_pins
from tests.security.one_account.conftest import URL, noting

pytestmark = pytest.mark.django_db


def test_the_end_of_an_alert_that_does_not_exist_holds_no_thread(phone: APIClient, aida: User) -> None:
    """Found: each slept 0.25 s in a request's thread; 42 a second took an SOS from 472 to 1951 ms. Now: no sleep."""
    set_pins(aida)
    began = time.monotonic()
    for _ in range(20):
        assert phone.post(f"{URL}{uuid4()}/cancel/", {"pin": "1234"}, format="json").status_code == 404
    assert time.monotonic() - began < 20 * even_timing.STEP_S / 2


def test_ends_with_a_pin_wait_in_a_quarter_of_the_threads(
    phone: APIClient, aida: User, alert: str, settings: Any
) -> None:
    """Found: every thread could wait. Now: a quarter; the rest is told to try again, and the alert goes on."""
    set_pins(aida)
    slots = max(1, settings.WEB_THREADS // 4)
    with ExitStack() as waiting:
        for _ in range(slots):
            waiting.enter_context(even_timing.in_steps(wanted=True))
        answers = [phone.post(f"{URL}{alert}/cancel/", {"pin": pin}, format="json") for pin in (SAFE_PIN, "0000")]
        assert phone.post(URL, {}, format="json").status_code == 200
    assert {(answer.status_code, answer.json()["code"], answer["Retry-After"]) for answer in answers} == {
        (503, "ends_busy", "1")
    }
    assert SosAlert.objects.get().status == "active"


def test_ends_are_limited_for_each_person(phone: APIClient, alert: str, lowered: Any) -> None:
    """Found: no limit. Now: 60 in a minute, counted before anything is looked up."""
    lowered(person_limits.ENDS, 3)
    answers = [phone.post(f"{URL}{uuid4()}/resolve/", format="json").status_code for _ in range(5)]
    assert answers == [404, 404, 404, 429, 429]
    assert phone.post(f"{URL}{alert}/resolve/", format="json").status_code == 429
    assert phone.post(URL, {}, format="json").status_code == 200


@pytest.fixture
def unmade(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A process that has not made the document yet; each making is noted."""
    makings: list[int] = []
    monkeypatch.setattr(document, "_made", noting(makings, document._made))
    monkeypatch.setattr(document, "_documents", {})
    return makings


def test_the_schema_is_made_once(unmade: list[int]) -> None:
    """Found: public, and made anew each time: 1.1 s; 48 at once kept an SOS waiting for 11 s. Now: once for a
    process, by another process of the lowest priority."""
    first = Client().get("/api/schema/")
    began = time.monotonic()
    for _ in range(20):
        assert Client().get("/api/schema/", headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert time.monotonic() - began < 1
    as_json = Client().get("/api/schema/?format=json")
    assert as_json.json()["openapi"].startswith("3.")
    assert first.content.startswith(b"openapi: 3.")
    assert len(unmade) == 1


def test_while_one_thread_makes_the_schema_the_others_are_free(
    unmade: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []

    def meanwhile() -> tuple[str, str]:
        other = Thread(target=lambda: answers.append(Client().get("/api/schema/")))
        other.start()
        other.join(timeout=10)
        return "openapi: 3.0.3", "{}"

    monkeypatch.setattr(document, "_made", meanwhile)
    assert Client().get("/api/schema/").status_code == 200
    assert (answers[0].status_code, answers[0]["Retry-After"]) == (503, "2")


def test_readiness_reads_the_migrations_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: the graph of migrations was built each time, 53 ms. Now: their names are kept; one query asks for them."""
    Client().get("/readyz")

    def fail(*_: object) -> None:
        raise AssertionError("the migrations were read again")

    monkeypatch.setattr(health, "MigrationLoader", fail)
    with CaptureQueriesContext(connection) as queries:
        assert Client().get("/readyz").json()["migrations"] == "ok"
    assert len(queries) <= 3
