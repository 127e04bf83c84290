"""Sentences for the person about calls and about everything else that follows when nobody answers."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from alerts.escalation import answers, steps
from alerts.models import EscalationStep, NotificationKind, StepKind, Via
from identity.models import User
from messaging.database import clock
from messaging.states import State
from tests.alerts.conftest import Contacts
from tests.alerts.engine import drive, messages
from tests.alerts.sos.twins import Twin, alike, make_twins

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(phone: APIClient, contacts: Contacts) -> str:
    """Aida's SMS was refused and Bek's delivered; both have been called."""
    contacts("Aida", "Bek")
    alert = str(phone.post(URL, {}, format="json").data["id"])
    sms = messages(alert)
    drive(sms[0], State.FAILED, code="21610")
    drive(sms[1], State.DELIVERED)
    call_everyone(alert)
    return alert


def call_everyone(alert: str) -> None:
    first_calls = EscalationStep.objects.filter(alert=UUID(alert), kind=StepKind.CALL, round=0)
    first_calls.update(due_at=clock.now())
    steps.take_steps(now=clock.now())


def detail(phone: APIClient, alert: str) -> Any:
    return phone.get(f"{URL}{alert}/").json()


def test_every_try_is_shown(phone: APIClient, alert: str) -> None:
    drive(messages(alert, NotificationKind.CALL)[0], State.DELIVERED)
    body = detail(phone, alert)
    aida, bek = body["contacts"]
    assert [(t["channel"], t["status"], t["reason"]) for t in aida["tries"]] == [
        ("sms", "failed", "refuses_sms"),
        ("voice", "delivered", None),
    ]
    assert aida["tries"][1]["delivered_at"] is not None
    assert [(t["channel"], t["status"]) for t in bek["tries"]] == [("sms", "delivered"), ("voice", "queued")]
    assert (aida["status"], aida["reason"]) == ("failed", "refuses_sms")
    assert body["reach"] == {
        "contacts": 2,
        "can_be_reached": 2,
        "delivered": 1,
        "failed": 1,
        "summary": "1 of 2 delivered; calling Bek; Aida's number refuses SMS",
    }


@pytest.mark.parametrize(
    ("state", "code", "reason", "sentence"),
    [
        (State.UNDELIVERED, "busy", "busy", "Aida's phone was busy"),
        (State.UNDELIVERED, "no-answer", "no_answer", "Aida did not pick up"),
        (State.FAILED, "21217", "invalid_number", "Aida's number is not a valid phone number"),
        (State.FAILED, "21214", "cannot_be_called", "Aida's number cannot be called"),
        (State.FAILED, "21215", "country_not_called", "the country of Aida's number cannot be called"),
        (State.FAILED, "cannot_be_said", "call_trouble", "the phone service has trouble calling Aida"),
        (State.FAILED, "99999", "call_failed", "the call to Aida did not get through"),
        (State.EXPIRED, "", "call_too_late", "Aida could not be called in time"),
        (State.UNCONFIRMED, "", "call_unconfirmed", "it is not known whether Aida's phone rang"),
    ],
)
def test_how_a_call_ended_in_words(
    phone: APIClient, alert: str, state: State, code: str, reason: str, sentence: str
) -> None:
    drive(messages(alert, NotificationKind.CALL)[0], state, code=code)
    body = detail(phone, alert)
    call = body["contacts"][0]["tries"][1]
    assert (call["reason"], call["detail"]) == (reason, sentence)
    assert body["reach"]["summary"].endswith(sentence)


@pytest.mark.parametrize(
    ("language", "summary"),
    [
        ("ru", "Доставлено: 1 из 2; звоним: Bek; Aida: номер отклоняет SMS; Aida не берёт трубку"),
        (
            "ky",
            "Жеткирилди: 1/2; чалып жатабыз: Bek; Aida: бул номер SMS кабыл албай жатат; Aida телефонду көтөргөн жок",
        ),
    ],
)
def test_calls_in_the_persons_language(phone: APIClient, ana: User, alert: str, language: str, summary: str) -> None:
    drive(messages(alert, NotificationKind.CALL)[0], State.UNDELIVERED, code="no-answer")
    ana.language = language
    assert detail(phone, alert)["reach"]["summary"] == summary


def test_a_contact_whom_nothing_reached(phone: APIClient, alert: str) -> None:
    drive(messages(alert, NotificationKind.CALL)[0], State.FAILED, code="21217")
    assert detail(phone, alert)["reach"]["can_be_reached"] == 1


def test_a_call_that_an_answer_stopped_says_so(phone: APIClient, alert: str) -> None:
    aida, bek = (UUID(contact["contact_id"]) for contact in detail(phone, alert)["contacts"])
    answers.decline(alert_id=UUID(alert), contact_id=aida, via=Via.PAGE, now=clock.now())
    answers.acknowledge(alert_id=UUID(alert), contact_id=bek, via=Via.PAGE, now=clock.now())
    body = detail(phone, alert)
    assert [contact["tries"][1]["reason"] for contact in body["contacts"]] == ["not_needed", "not_needed"]
    assert body["reach"]["summary"].startswith("Bek is on the way; Aida cannot come; 1 of 2 delivered")


@pytest.mark.parametrize("how", ["cancel", "resolve"])
@pytest.mark.parametrize("state", [State.SENDING, State.SENT, State.DELIVERED, None])
def test_under_duress_calls_look_as_after_an_end(how: str, state: State | None) -> None:
    twins = make_twins("Aida", "Bek")
    for twin in twins:
        twin.press()
        call_everyone(twin.alert)
        if state:
            drive(messages(twin.alert, NotificationKind.CALL)[0], state)
    alike(twins, lambda twin: twin.end(how))
    for twin in twins:
        go_on(twin)
    alike(twins, lambda twin: twin.get())
    alike(twins, lambda twin: twin.phone.get(URL))


def go_on(twin: Twin) -> None:
    """Take all steps that were planned: under duress some are still pending, after an end none is."""
    EscalationStep.objects.filter(alert=UUID(twin.alert)).update(due_at=clock.now())
    steps.take_steps(now=clock.now())
