"""An alert that a contact answered and nobody ended does not swallow the next one."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from rest_framework.test import APIClient

from alerts.models import AlertStatus, Answer, EscalationStep, EventKind, SosAlert, StepState
from alerts.timers import expiry
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import all_clears, drive, messages, token_in
from tests.alerts.escalation.story import acknowledge, decline, status
from tests.alerts.timers.running_out import armed, run_out
from tests.race import at_once

URL = "/api/v1/sos-alerts/"
Answered = Callable[..., str]

pytestmark = pytest.mark.django_db(transaction=True)


def press(phone: APIClient) -> Any:
    return phone.post(URL, {}, format="json")


@pytest.fixture
def told(contacts: Contacts) -> list[EmergencyContact]:
    return contacts("Aida", "Bek")


@pytest.fixture
def answered(phone: APIClient, told: list[EmergencyContact]) -> Answered:
    """Raise Ana's alert, to which Aida answered this many minutes ago that she is on the way; returns its id."""

    def answer(*, minutes: int) -> str:
        alert = str(press(phone).data["id"])
        for message in messages(alert):
            drive(message, State.DELIVERED)
        acknowledge(alert, told[0])
        Answer.objects.update(at=clock.now() - timedelta(minutes=minutes))
        return alert

    return answer


def test_after_an_hour_a_press_calls_everyone(phone: APIClient, answered: Answered) -> None:
    answered(minutes=61)
    before = Message.objects.count()
    again = press(phone)
    assert (again.status_code, again.data["status"]) == (201, "active")
    assert len(messages(again.data["id"])) == 2 == Message.objects.count() - before
    assert EscalationStep.objects.filter(alert=UUID(again.data["id"]), state=StepState.PENDING).exists()
    assert press(phone).data["id"] == again.data["id"]


def test_the_alert_that_gave_way_has_not_ended(phone: APIClient, answered: Answered) -> None:
    first = answered(minutes=61)
    press(phone)
    old = SosAlert.objects.get(id=first)
    assert (old.status, old.ended_at) == (AlertStatus.EXHAUSTED, None)
    assert old.events.latest("id").kind == EventKind.GAVE_WAY
    assert all_clears(first) == []
    assert phone.post(f"{URL}{first}/resolve/").data["status"] == "resolved"


def test_within_the_hour_a_press_joins_it(phone: APIClient, answered: Answered) -> None:
    first = answered(minutes=5)
    before = Message.objects.count()
    again = press(phone)
    assert (again.status_code, again.data["id"], again.data["status"]) == (200, first, "acknowledged")
    assert Message.objects.count() == before


def test_the_contact_who_answered_last_counts(
    phone: APIClient, answered: Answered, told: list[EmergencyContact]
) -> None:
    first = answered(minutes=61)
    acknowledge(first, told[1])
    assert press(phone).data["id"] == first


def test_after_an_hour_a_timer_calls_everyone(ana: User, answered: Answered) -> None:
    first = answered(minutes=61)
    run_out(armed(ana))
    assert expiry.check() == 1
    new = SosAlert.objects.exclude(id=first).get()
    assert (new.kind, new.status, len(messages(str(new.id)))) == ("missed_check_in", AlertStatus.ACTIVE, 2)


def test_within_the_hour_a_timer_joins_it(ana: User, answered: Answered) -> None:
    answered(minutes=5)
    before = Message.objects.count()
    run_out(armed(ana))
    assert expiry.check() == 1
    assert SosAlert.objects.count() == 1
    assert Message.objects.count() == before


def test_two_presses_at_once_make_one_new_alert(ana: User, answered: Answered) -> None:
    first = answered(minutes=61)
    presses = at_once(*[partial(press, app(ana))] * 3)
    assert sorted(each.status_code for each in presses) == [200, 200, 201]
    [new] = {each.data["id"] for each in presses}
    assert new != first
    assert len(messages(new)) == 2
    assert SosAlert.objects.get(id=first).events.filter(kind=EventKind.GAVE_WAY).count() == 1


def test_a_press_and_an_answer_at_once_are_never_both_lost(
    ana: User, answered: Answered, told: list[EmergencyContact]
) -> None:
    first = answered(minutes=61)
    pressed, _ = at_once(partial(press, app(ana)), partial(acknowledge, first, told[1]))
    # Either somebody is on the way to the alert that the press joined, or everyone is called.
    assert (pressed.status_code, status(first)) in ((200, "acknowledged"), (201, "exhausted"))


def test_a_withdrawal_starts_no_calls_beside_the_new_alert(
    phone: APIClient, answered: Answered, told: list[EmergencyContact]
) -> None:
    first = answered(minutes=61)
    press(phone)
    decline(first, told[0])
    assert status(first) == AlertStatus.EXHAUSTED
    assert not EscalationStep.objects.filter(alert=UUID(first), state=StepState.PENDING).exists()


def test_the_old_link_still_opens(phone: APIClient, told: list[EmergencyContact]) -> None:
    first = press(phone).data["id"]
    token = token_in(messages(first)[0])
    acknowledge(first, told[0])
    Answer.objects.update(at=clock.now() - timedelta(minutes=61))
    press(phone)
    page = Client().get(f"/a/{token}").content.decode()
    assert "Ana Asanova needs help" in page
    assert "You said: I am on my way." in page
