"""A contact who was on the way withdraws: the alert goes on, nobody is passed over, no phone rings twice at once."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from alerts.escalation import policy, steps
from alerts.models import AlertStatus, EscalationStep, EventKind, Notification, SosAlert, StepKind, StepState
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message, OperatorAlarm
from messaging.states import State
from tests.alerts.conftest import Contacts
from tests.alerts.engine import drive, messages, step
from tests.alerts.escalation.story import (
    CALL,
    REMINDER,
    URL,
    acknowledge,
    decline,
    names,
    pass_time,
    press,
    status,
    take_all_steps,
    to_owner,
)

pytestmark = pytest.mark.django_db


def hours_pass() -> None:
    """Move every step two hours back, pending or not: while somebody is on the way no step is pending."""
    for each in EscalationStep.objects.all():
        EscalationStep.objects.filter(id=each.id).update(due_at=each.due_at - timedelta(hours=2))


def call_off(alert: str, contact: EmergencyContact) -> None:
    """Let the contact say that they come and, two hours later, that they do not."""
    acknowledge(alert, contact)
    hours_pass()
    decline(alert, contact)


class TestAWithdrawalFromAnExhaustedAlert:
    def test_exhausts_it_again_and_the_next_press_calls_everyone(
        self, phone: APIClient, contacts: Contacts, ana: User
    ) -> None:
        aida, _ = contacts("Aida", "Bek")
        first = press(phone)
        take_all_steps()
        assert status(first) == AlertStatus.EXHAUSTED
        for message in messages(first, CALL) + messages(first, REMINDER):
            drive(message, State.DELIVERED)
        Message.objects.filter(address=str(ana.phone_number)).update(state=State.SENT)
        acknowledge(first, aida)
        assert status(first) == AlertStatus.ACKNOWLEDGED
        decline(first, aida)
        assert status(first) == AlertStatus.ACTIVE
        assert pass_time(0) == 1
        assert status(first) == AlertStatus.EXHAUSTED
        assert OperatorAlarm.objects.get(code="alert_exhausted").times == 2
        assert to_owner(ana)[-1].endswith("None of your contacts has answered yet. Call 112.")
        assert SosAlert.objects.get().events.filter(kind=EventKind.EXHAUSTED).count() == 2
        again = phone.post(URL, {}, format="json")
        assert again.status_code == 201
        assert len(messages(again.data["id"])) == 2

    def test_starts_no_calls_beside_the_next_alert(self, phone: APIClient, contacts: Contacts) -> None:
        aida, _ = contacts("Aida", "Bek")
        first = press(phone)
        take_all_steps()
        second = press(phone)
        call_off(first, aida)
        assert not EscalationStep.objects.filter(alert=UUID(first), state=StepState.PENDING).exists()
        assert (status(first), status(second)) == (AlertStatus.EXHAUSTED, AlertStatus.ACTIVE)


def due_times(contact: EmergencyContact) -> list[datetime]:
    steps = EscalationStep.objects.filter(contact_id=contact.id).order_by("place")
    return list(steps.values_list("due_at", flat=True))


class TestOverdueSteps:
    def test_are_taken_one_after_another(self, phone: APIClient, contacts: Contacts, ana: User) -> None:
        aida, bek = contacts("Aida", "Bek")
        alert = press(phone)
        before = due_times(bek)
        call_off(alert, aida)
        pass_time(0)
        assert (names(CALL), names(REMINDER)) == (["Bek"], [])
        assert status(alert) == AlertStatus.ACTIVE
        after = due_times(bek)
        assert [due - after[0] for due in after] == [due - before[0] for due in before]
        pass_time((before[-1] - before[0]).total_seconds())
        assert (names(CALL), names(REMINDER)) == (["Bek", "Bek"], ["Bek"])
        assert status(alert) == AlertStatus.ACTIVE
        take_all_steps()
        assert status(alert) == AlertStatus.EXHAUSTED

    def test_do_not_include_steps_that_are_still_in_time(self, phone: APIClient, contacts: Contacts) -> None:
        aida, _ = contacts("Aida", "Bek")
        alert = press(phone)
        due = dict(EscalationStep.objects.values_list("place", "due_at"))
        acknowledge(alert, aida)
        decline(alert, aida)
        assert dict(EscalationStep.objects.values_list("place", "due_at")) == due

    def test_are_taken_one_after_another_after_an_outage_too(self, phone: APIClient, contacts: Contacts) -> None:
        contacts("Aida")
        alert = press(phone)
        hours_pass()
        assert steps.take_steps(now=clock.now()) == 1
        assert (names(CALL), names(REMINDER), status(alert)) == (["Aida"], [], AlertStatus.ACTIVE)
        pass_time((policy.WAVE_LASTS + policy.BETWEEN_ROUNDS).total_seconds())
        assert (names(CALL), names(REMINDER), status(alert)) == (["Aida"] * 2, ["Aida"], AlertStatus.ACTIVE)

    def test_postpone_nothing_when_late_by_a_moment(self, phone: APIClient, contacts: Contacts) -> None:
        contacts("Aida")
        press(phone)
        give_up = EscalationStep.objects.get(kind=StepKind.GIVE_UP).due_at
        EscalationStep.objects.filter(place=0).update(due_at=clock.now() - steps.LATE / 2)
        assert pass_time(0) == 1
        assert EscalationStep.objects.get(kind=StepKind.GIVE_UP).due_at == give_up


@pytest.mark.parametrize("state", [State.FAILED, State.UNDELIVERED, State.EXPIRED, State.UNCONFIRMED])
def test_a_contact_whose_sms_failed_meanwhile_is_called_at_once(
    phone: APIClient, contacts: Contacts, state: State
) -> None:
    aida, *_ = contacts("Aida", "Bek", "Cholpon")
    alert = press(phone)
    acknowledge(alert, aida)
    drive(messages(alert)[1], state)
    assert pass_time(0) == 0
    decline(alert, aida)
    assert pass_time(0) == 1
    assert names(CALL) == ["Bek"]


class TestCallsThatAnAnswerCancelled:
    def test_are_made_after_all(self, phone: APIClient, contacts: Contacts) -> None:
        aida, *_ = contacts("Aida", "Bek", "Cholpon")
        alert = press(phone)
        pass_time(60)
        drive(messages(alert, CALL)[1], State.DELIVERED)
        call_off(alert, aida)
        pass_time(0)
        made = [call.address for call in messages(alert, CALL) if call.state == State.QUEUED]
        assert made == [messages(alert)[2].address]
        # The second round is still to come. Bek had the first round: that phone rang.
        assert names(CALL) == ["Aida", "Bek", "Cholpon", "Cholpon"]

    def test_are_made_after_every_withdrawal(self, phone: APIClient, contacts: Contacts) -> None:
        aida, bek, cholpon, _ = contacts("Aida", "Bek", "Cholpon", "Daniyar")
        alert = press(phone)
        pass_time(policy.FIRST_CALL_AFTER.total_seconds())
        pass_time(policy.WAVE_LASTS.total_seconds())
        for contact in (aida, bek, cholpon):
            call_off(alert, contact)
            pass_time(0)
            pass_time(policy.WAVE_LASTS.total_seconds())
        assert names(CALL).count("Daniyar") == 4
        take_all_steps()
        assert names(CALL).count("Daniyar") == 5
        assert status(alert) == AlertStatus.EXHAUSTED

    def test_are_made_after_the_second_round_too(self, phone: APIClient, contacts: Contacts) -> None:
        aida, _ = contacts("Aida", "Bek")
        alert = press(phone)
        pass_time(60)
        pass_time((policy.WAVE_LASTS + policy.BETWEEN_ROUNDS).total_seconds())
        assert len(Notification.objects.filter(kind=REMINDER)) == 2
        call_off(alert, aida)
        take_all_steps()
        assert names(REMINDER) == ["Aida", "Bek", "Bek"]
        assert names(CALL) == ["Aida", "Bek"] * 2 + ["Bek"] * 2


def test_a_call_in_flight_that_fails_is_not_tried_again(phone: APIClient, contacts: Contacts) -> None:
    aida, _ = contacts("Aida", "Bek")
    alert = press(phone)
    pass_time(60)
    call = messages(alert, CALL)[1]
    drive(call, State.SENDING)
    acknowledge(alert, aida)
    assert step(call, State.QUEUED)
    call.refresh_from_db()
    assert call.deadline_at <= clock.now()
