"""When nobody answers: calls, a second SMS, and in the end the operator."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.contacts import texts
from alerts.escalation import policy, steps
from alerts.models import AlertKind, AlertStatus, EscalationStep, SosAlert, StepKind
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Channel, Message, MessageClass, OperatorAlarm
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import all_clears, drive, messages, text_of
from tests.alerts.escalation.story import (
    CALL,
    REMINDER,
    URL,
    acknowledge,
    names,
    pass_time,
    press,
    status,
    take_all_steps,
    to_owner,
)
from tests.race import at_once

pytestmark = pytest.mark.django_db


def test_contacts_who_do_not_answer_are_called_in_waves(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek", "Cholpon", "Daniyar")
    press(phone)
    assert pass_time(policy.FIRST_CALL_AFTER.total_seconds() - 1) == 0
    pass_time(1)
    assert names(CALL) == ["Aida", "Bek", "Cholpon"]
    pass_time(policy.WAVE_LASTS.total_seconds())
    assert names(CALL) == ["Aida", "Bek", "Cholpon", "Daniyar"]
    calls = Message.objects.filter(channel=Channel.VOICE).order_by("id")
    assert {call.message_class for call in calls} == {MessageClass.EMERGENCY}
    assert [call.rank for call in calls] == [0, 1, 2, 0]
    assert "Ana Asanova has pressed SOS" in text_of(calls[0])
    pass_time(policy.WAVE_LASTS.total_seconds() + policy.BETWEEN_ROUNDS.total_seconds())
    assert names(REMINDER) == ["Aida", "Bek", "Cholpon", "Daniyar"]


def test_the_second_sms_of_a_missed_check_in_says_what_the_first_said(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    alert = press(phone)
    SosAlert.objects.filter(id=UUID(alert)).update(kind=AlertKind.MISSED_CHECK_IN)
    take_all_steps()
    assert "missed a check-in" in text_of(messages(alert, REMINDER)[0])
    assert "Ana Asanova has missed a check-in" in text_of(messages(alert, CALL)[0])


def test_the_steps_of_many_alerts_cost_what_those_of_two_cost() -> None:
    owners = [User.objects.create(phone_number=f"+99655502{n:04}", language="en") for n in range(14)]
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=owner, name=name, phone_number=f"+99670{place}03{n:04}", order=place, language="en")
        for n, owner in enumerate(owners)
        for place, name in enumerate(("Aida", "Bek"))
    )
    counts = []
    for some in (owners[:2], owners[2:]):
        for owner in some:
            press(app(owner))
        with CaptureQueriesContext(connection) as captured:
            pass_time(60)
        counts.append(sum("INSERT" in query["sql"] for query in captured))
    assert len(names(CALL)) == 28
    assert counts[0] == counts[1]


def test_a_step_is_taken_once(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    press(phone)
    assert pass_time(60) == 1
    assert pass_time(0) == 0
    assert names(CALL) == ["Aida"]


@pytest.mark.django_db(transaction=True)
def test_any_number_of_callers_take_each_step_once(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek", "Cholpon")
    press(phone)
    EscalationStep.objects.update(due_at=clock.now())
    taken = at_once(*[lambda: steps.take_steps(now=clock.now())] * 4)
    assert sum(taken) == EscalationStep.objects.count()
    assert len(names(CALL)) == 6
    assert OperatorAlarm.objects.get(code="alert_exhausted").times == 1


def test_steps_that_fail_hold_up_no_other_alert_and_are_tried_again(
    phone: APIClient, contacts: Contacts, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts("Aida")
    press(phone)
    other = press(app(stranger))
    EscalationStep.objects.filter(kind=StepKind.GIVE_UP).update(due_at=clock.now() + timedelta(minutes=9))
    EscalationStep.objects.filter(alert_id=UUID(other)).update(due_at=clock.now())

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(texts, "call", broken)
        pass_time(60)
    assert names(CALL) == []
    assert status(other) == AlertStatus.EXHAUSTED
    pass_time(steps.TRY_AGAIN_AFTER.total_seconds())
    assert names(CALL) == ["Aida"]


def test_nobody_answers(phone: APIClient, contacts: Contacts, ana: User, settings: Any) -> None:
    settings.EMERGENCY_NUMBER = "102"
    contacts("Aida", "Bek")
    alert = press(phone)
    take_all_steps()
    assert status(alert) == AlertStatus.EXHAUSTED
    assert names(CALL) == ["Aida", "Bek"] * policy.ROUNDS
    assert OperatorAlarm.objects.get().code == "alert_exhausted"
    assert to_owner(ana) == ["None of your contacts has answered yet. Call 102."]
    detail = phone.get(f"{URL}{alert}/").data
    assert (detail["status"], detail["ended_at"]) == ("exhausted", None)


def test_without_contacts_the_operator_is_alarmed_after_a_minute(phone: APIClient) -> None:
    alert = press(phone)
    pass_time(policy.FIRST_CALL_AFTER.total_seconds())
    assert status(alert) == AlertStatus.EXHAUSTED
    assert OperatorAlarm.objects.filter(code="alert_exhausted").exists()


def test_after_exhaustion_a_press_calls_everyone_again(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    first = press(phone)
    take_all_steps()
    again = phone.post(URL, {}, format="json")
    assert again.status_code == 201
    assert len(messages(again.data["id"])) == 1
    # The late answer to the first alert is kept, and the second alert stays the open one.
    assert acknowledge(first, aida).is_first
    assert status(first) == AlertStatus.EXHAUSTED
    assert status(again.data["id"]) == AlertStatus.ACTIVE


def test_after_exhaustion_a_contact_may_answer_and_the_person_may_end_it(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    alert = press(phone)
    drive(messages(alert)[0], State.DELIVERED)
    take_all_steps()
    acknowledge(alert, aida)
    assert status(alert) == AlertStatus.ACKNOWLEDGED
    assert phone.post(f"{URL}{alert}/resolve/").status_code == 200
    assert len(all_clears(alert)) == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.FAILED, "21610"),
        (State.UNDELIVERED, "30006"),
        (State.EXPIRED, "deadline_passed"),
        (State.UNCONFIRMED, "no_evidence"),
    ],
)
def test_a_contact_whose_sms_did_not_arrive_is_called_at_once(
    phone: APIClient, contacts: Contacts, state: State, code: str
) -> None:
    contacts("Aida", "Bek")
    alert = press(phone)
    drive(messages(alert)[1], state, code=code)
    assert pass_time(0) == 1
    assert names(CALL) == ["Bek"]


def test_a_contact_whose_sms_was_refused_is_called_at_once(phone: APIClient, contacts: Contacts) -> None:
    _, bek = contacts("Aida", "Bek")
    EmergencyContact.objects.filter(id=bek.id).update(phone_number="+447700900123")
    press(phone)
    pass_time(0)
    assert names(CALL) == ["Bek"]
