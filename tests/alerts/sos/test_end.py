"""Ending an alert: unsent messages are cancelled, and exactly the contacts who may have been told get the all-clear."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.models import AlertEvent
from messaging.database import clock
from messaging.models import Attempt, AttemptOutcome, Message, MessageClass
from messaging.states import State
from tests.alerts.conftest import Contacts
from tests.alerts.engine import all_clears, attempt, drive, messages, step, text_of

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


def press(phone: APIClient) -> str:
    return str(phone.post(URL, {}, format="json").data["id"])


def end(phone: APIClient, alert: str, how: str = "resolve") -> Any:
    return phone.post(f"{URL}{alert}/{how}/", {}, format="json")


@pytest.mark.parametrize(
    ("how", "status", "text"),
    [
        ("resolve", "resolved", "Ana Asanova (+996555123456) is safe. The alert has ended."),
        ("cancel", "cancelled", "False alarm: Ana Asanova (+996555123456) cancelled the alert."),
    ],
)
def test_every_contact_who_may_have_been_told_gets_the_all_clear(
    phone: APIClient, contacts: Contacts, how: str, status: str, text: str
) -> None:
    contacts("Aida", "Bek")
    alert = press(phone)
    told, untold = messages(alert)
    drive(told, State.DELIVERED)
    answer = end(phone, alert, how)
    assert answer.status_code == 200
    assert answer.data["status"] == status
    assert answer.data["ended_at"] is not None
    (all_clear,) = all_clears(alert)
    assert all_clear.address == told.address
    assert all_clear.message_class == MessageClass.SAFETY
    assert text_of(all_clear) == text
    untold.refresh_from_db()
    assert untold.state == State.CANCELLED
    assert answer.data["reach"]["summary"] == "1 of 2 delivered; 1 contact was not told: the alert ended first"
    assert list(AlertEvent.objects.order_by("id").values_list("kind", flat=True)) == ["raised", status]


MAY_HAVE_BEEN_TOLD = [
    *(State.SENDING, State.UNKNOWN, State.ACCEPTED, State.SENT, State.DELIVERED),
    *(State.UNDELIVERED, State.UNCONFIRMED),
]


@pytest.mark.parametrize("state", MAY_HAVE_BEEN_TOLD)
def test_an_sos_that_may_have_left_is_followed_by_the_all_clear(
    phone: APIClient, contacts: Contacts, state: State
) -> None:
    contacts("Aida")
    alert = press(phone)
    drive(messages(alert)[0], state)
    end(phone, alert)
    assert len(all_clears(alert)) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.DISPATCHED, State.FAILED, State.EXPIRED])
def test_a_contact_who_was_never_told_gets_no_all_clear(phone: APIClient, contacts: Contacts, state: State) -> None:
    contacts("Aida")
    alert = press(phone)
    if state != State.QUEUED:
        drive(messages(alert)[0], state)
    end(phone, alert)
    assert all_clears(alert) == []


def test_a_refused_sos_is_not_followed_by_the_all_clear(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    type(aida).objects.filter(id=aida.id).update(phone_number="+447700900123")
    alert = press(phone)
    end(phone, alert)
    assert all_clears(alert) == []


@pytest.mark.parametrize("final", [State.CANCELLED, State.EXPIRED, State.FAILED])
def test_an_earlier_call_with_an_unknown_outcome_may_have_told(
    phone: APIClient, contacts: Contacts, final: State
) -> None:
    contacts("Aida")
    alert = press(phone)
    (sos,) = messages(alert)
    drive(sos, State.UNKNOWN)
    assert step(sos, State.QUEUED, code="no_evidence")
    if final != State.CANCELLED:
        assert step(sos, final)
    end(phone, alert)
    assert len(all_clears(alert)) == 1


def test_a_call_that_created_nothing_told_nobody(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    alert = press(phone)
    (sos,) = messages(alert)
    attempt(sos, AttemptOutcome.NOT_CREATED)
    end(phone, alert)
    assert all_clears(alert) == []


def test_no_sos_follows_the_all_clear(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    alert = press(phone)
    (sos,) = messages(alert)
    drive(sos, State.SENDING)
    end(phone, alert)
    Attempt.objects.update(outcome=AttemptOutcome.NOT_CREATED)
    assert step(sos, State.QUEUED, code="20503")  # The provider refused for now: never granted again.
    sos.refresh_from_db()
    assert sos.deadline_at <= clock.now()
    assert step(sos, State.EXPIRED)
    (told,) = phone.get(f"{URL}{alert}/").data["contacts"]
    assert (told["status"], told["reason"]) == ("expired", "alert_ended")


def test_a_delivered_message_keeps_its_deadline(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    alert = press(phone)
    (sos,) = messages(alert)
    drive(sos, State.DELIVERED)
    end(phone, alert)
    sos.refresh_from_db()
    assert sos.deadline_at > clock.now() + timedelta(minutes=50)


@pytest.mark.parametrize("how", ["cancel", "resolve"])
def test_ending_again_in_the_same_way_changes_nothing(phone: APIClient, contacts: Contacts, how: str) -> None:
    contacts("Aida")
    alert = press(phone)
    drive(messages(alert)[0], State.SENT)
    first = end(phone, alert, how)
    again = end(phone, alert, how)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert len(all_clears(alert)) == 1
    assert AlertEvent.objects.count() == 2


@pytest.mark.parametrize(("first", "then"), [("cancel", "resolve"), ("resolve", "cancel")])
def test_ending_in_another_way_is_refused(phone: APIClient, first: str, then: str) -> None:
    alert = press(phone)
    ended = end(phone, alert, first).json()
    refused = end(phone, alert, then)
    assert (refused.status_code, refused.json()["code"]) == (409, "move_refused")
    assert phone.get(f"{URL}{alert}/").json() == ended


def test_an_unknown_alert_is_not_found(phone: APIClient) -> None:
    assert end(phone, str(uuid4())).status_code == 404
    assert end(phone, "not-an-id").status_code == 404


def test_a_contact_deleted_since_still_gets_the_all_clear(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    alert = press(phone)
    drive(messages(alert)[0], State.SENT)
    aida.delete()
    assert end(phone, alert).data["contacts"][0]["name"] == "Aida"
    assert len(all_clears(alert)) == 1


def test_ending_for_fifty_costs_what_ending_for_one_costs(phone: APIClient, contacts: Contacts) -> None:
    contacts("First")
    counts = []
    for more in (49, 0):
        alert = press(phone)
        Message.objects.filter(state=State.QUEUED).update(state=State.SENT)
        with CaptureQueriesContext(connection) as queries:
            end(phone, alert)
        counts.append(len(queries))
        contacts(*(f"Contact {n}" for n in range(more)))
    assert counts[0] == counts[1] <= 29
