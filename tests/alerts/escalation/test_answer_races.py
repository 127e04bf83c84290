"""Answers that meet another answer, a step or an end. One comes first, and every text agrees with that order."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client

from alerts.escalation import steps
from alerts.models import AlertStatus, EscalationStep, NotificationKind, SosAlert, StepKind, StepState
from identity.models import User
from messaging.database import clock
from messaging.database.sql import rows
from messaging.models import Message
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import all_clears, drive, messages, text_of, token_in
from tests.race import at_once, held_up

URL = "/api/v1/sos-alerts/"
CALL, RESPONDER = NotificationKind.CALL, NotificationKind.RESPONDER
ROUNDS = 3
NAMES = ("Aida", "Bek", "Cholpon")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _contacts(contacts: Contacts) -> None:
    contacts(*NAMES)


def links(user: User) -> tuple[str, list[str]]:
    """Press SOS; returns the alert's id and the tokens in its SMS."""
    alert = str(app(user).post(URL, {}, format="json").data["id"])
    return alert, [token_in(sos) for sos in messages(alert)]


def come(token: str) -> Any:
    """Press the button "I am on my way" on the contacts' page."""
    return Client().post(f"/a/{token}/answer", {"answer": "acknowledged"})


def end(user: User, alert: str, how: str = "cancel") -> Any:
    return app(user).post(f"{URL}{alert}/{how}/")


def calls_are_due(alert: str) -> None:
    first = EscalationStep.objects.filter(alert=UUID(alert), kind=StepKind.CALL, round=0)
    first.update(due_at=clock.now() - timedelta(seconds=1))


def take_steps() -> int:
    return steps.take_steps(now=clock.now())


def pending(alert: str) -> bool:
    return EscalationStep.objects.filter(alert=UUID(alert), state=StepState.PENDING).exists()


def texts_to(user: User) -> str:
    return "\n".join(text_of(m) for m in Message.objects.filter(address=str(user.phone_number), text__isnull=False))


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_two_contacts_answer_at_once_on_their_pages(ana: User, turn: int) -> None:
    alert, tokens = links(ana)
    aida, bek, cholpon = messages(alert)

    answers = at_once(partial(come, tokens[0]), partial(come, tokens[1]))

    assert [answer.status_code for answer in answers] == [303, 303]
    told = {message.address: text_of(message) for message in messages(alert, RESPONDER)}
    # The contact who answered second learns who was first. The third contact reads that one name only.
    first, second = ("Aida", bek) if "Aida" in told[cholpon.address] else ("Bek", aida)
    assert told == dict.fromkeys((second.address, cholpon.address), f"{first} is on the way to Ana (+996555123456).")
    assert {"Aida is on the way to you.", "Bek is on the way to you."} <= set(texts_to(ana).splitlines())
    shown = app(ana).get(f"{URL}{alert}/").data
    assert [contact["answer"] for contact in shown["contacts"]] == ["acknowledged", "acknowledged", None]
    assert (shown["status"], pending(alert)) == ("acknowledged", False)


def test_an_answer_waits_for_the_step_that_is_being_taken(ana: User) -> None:
    """The answer cancels the calls that the step has just queued, so no phone rings for an alert that somebody
    answered."""
    alert, tokens = links(ana)
    calls_are_due(alert)
    with held_up(partial(come, tokens[0])) as answered:
        assert take_steps() == 3
    assert answered.result().status_code == 303
    assert [call.state for call in messages(alert, CALL)] == [State.CANCELLED] * 3
    assert not pending(alert)


def test_a_step_passes_by_an_alert_that_is_being_answered(ana: User) -> None:
    alert, tokens = links(ana)
    calls_are_due(alert)
    with held_up(partial(end, ana, alert, "resolve")) as ended:
        come(tokens[0])
        assert at_once(take_steps) == [0]
    assert ended.result().status_code == 200
    assert (messages(alert, CALL), take_steps()) == ([], 0)


def test_an_answer_that_freezes_holds_the_alert_no_longer_than_a_request(
    ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "REQUEST_IDLE_LIMIT", "7s")
    _, tokens = links(ana)
    with transaction.atomic():
        come(tokens[0])
        assert rows("SHOW idle_in_transaction_session_timeout") == [("7s",)]


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_an_answer_meets_a_step(ana: User, turn: int) -> None:
    alert, tokens = links(ana)
    calls_are_due(alert)
    at_once(partial(come, tokens[0]), take_steps)
    assert SosAlert.objects.get(id=UUID(alert)).status == AlertStatus.ACKNOWLEDGED
    assert {m.state for m in messages(alert, CALL)} <= {State.CANCELLED}
    assert not pending(alert)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_an_end_meets_a_step_and_an_answer(ana: User, turn: int) -> None:
    alert, tokens = links(ana)
    drive(messages(alert)[0], State.SENT)
    calls_are_due(alert)
    ended, *_ = at_once(partial(end, ana, alert), take_steps, partial(come, tokens[1]))
    assert ended.status_code == 200
    assert SosAlert.objects.get(id=UUID(alert)).status == AlertStatus.CANCELLED
    assert {m.state for m in messages(alert, CALL)} <= {State.CANCELLED}
    assert [m.address for m in all_clears(alert)] == [messages(alert)[0].address]
    # A contact who answered after the end is told so on the page, and the person gets no text.
    assert Client().get(f"/a/{tokens[1]}").status_code == 200
