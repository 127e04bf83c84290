"""An answer stops the calls. A contact who declines is called no more; when all have declined, the operator is
alarmed."""

import pytest
from rest_framework.test import APIClient

from alerts.escalation import answers
from alerts.models import AlertStatus
from identity.models import User
from messaging.states import State
from tests.alerts.conftest import Contacts
from tests.alerts.engine import drive, messages, text_of
from tests.alerts.escalation.story import (
    CALL,
    RESPONDER,
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


class TestAnAnswer:
    def test_stops_the_calls_and_the_others_learn_who_comes(
        self, phone: APIClient, contacts: Contacts, ana: User
    ) -> None:
        aida, *_ = contacts("Aida", "Bek", "Cholpon")
        alert = press(phone)
        for message in messages(alert)[:2]:
            drive(message, State.DELIVERED)
        drive(messages(alert)[2], State.FAILED, code="21211")
        assert acknowledge(alert, aida).is_first
        assert status(alert) == AlertStatus.ACKNOWLEDGED
        assert names(RESPONDER) == ["Bek"]  # Cholpon was never told of the alert.
        assert [text_of(m) for m in messages(alert, RESPONDER)] == ["Aida is on the way to Ana (+996555123456)."]
        assert to_owner(ana) == ["Aida is on the way to you."]
        detail = phone.get(f"{URL}{alert}/").data
        assert [contact["answer"] for contact in detail["contacts"]] == ["acknowledged", None, None]
        assert detail["reach"]["summary"].startswith("Aida is on the way; 2 of 3 delivered")
        take_all_steps()
        assert names(CALL) == []
        assert status(alert) == AlertStatus.ACKNOWLEDGED

    def test_given_again_changes_nothing(self, phone: APIClient, contacts: Contacts, ana: User) -> None:
        (aida,) = contacts("Aida")
        alert = press(phone)
        assert acknowledge(alert, aida) == acknowledge(alert, aida) == answers.Acknowledged(is_first=True)
        assert len(to_owner(ana)) == 1

    def test_of_a_second_contact_is_told_to_the_person_only(
        self, phone: APIClient, contacts: Contacts, ana: User
    ) -> None:
        aida, bek, _ = contacts("Aida", "Bek", "Cholpon")
        alert = press(phone)
        acknowledge(alert, aida)
        assert not acknowledge(alert, bek).is_first
        assert to_owner(ana) == ["Aida is on the way to you.", "Bek is on the way to you."]
        assert names(RESPONDER) == ["Bek", "Cholpon"]

    def test_to_an_ended_alert_is_refused(self, phone: APIClient, contacts: Contacts) -> None:
        (aida,) = contacts("Aida")
        alert = press(phone)
        phone.post(f"{URL}{alert}/cancel/")
        with pytest.raises(answers.AlertOver):
            acknowledge(alert, aida)
        with pytest.raises(answers.AlertOver):
            decline(alert, aida)

    def test_leaves_an_sos_that_is_still_waiting_alone(self, phone: APIClient, contacts: Contacts) -> None:
        aida, _ = contacts("Aida", "Bek")
        alert = press(phone)
        acknowledge(alert, aida)
        assert [m.state for m in messages(alert)] == [State.QUEUED, State.QUEUED]

    def test_cancels_a_call_that_waits(self, phone: APIClient, contacts: Contacts) -> None:
        aida, _ = contacts("Aida", "Bek")
        alert = press(phone)
        pass_time(60)
        acknowledge(alert, aida)
        assert {m.state for m in messages(alert, CALL)} == {State.CANCELLED}


class TestDeclining:
    def test_spares_the_contact_further_calls(self, phone: APIClient, contacts: Contacts) -> None:
        aida, _ = contacts("Aida", "Bek")
        alert = press(phone)
        decline(alert, aida)
        pass_time(60)
        assert names(CALL) == ["Bek"]
        assert status(alert) == AlertStatus.ACTIVE

    def test_by_all_exhausts_the_alert_at_once(self, phone: APIClient, contacts: Contacts) -> None:
        aida, bek = contacts("Aida", "Bek")
        alert = press(phone)
        decline(alert, aida)
        decline(alert, bek)
        pass_time(0)
        assert status(alert) == AlertStatus.EXHAUSTED

    def test_after_coming_calls_the_others_again(self, phone: APIClient, contacts: Contacts, ana: User) -> None:
        aida, _ = contacts("Aida", "Bek")
        alert = press(phone)
        acknowledge(alert, aida)
        decline(alert, aida)
        assert status(alert) == AlertStatus.ACTIVE
        assert "cannot come after all" in to_owner(ana)[-1]
        assert "Ana (+996555123456) still needs help!" in text_of(messages(alert, RESPONDER)[-1])
        pass_time(60)
        assert names(CALL) == ["Bek"]
        assert acknowledge(alert, aida).is_first

    def test_after_coming_leaves_it_to_the_other_who_comes(self, phone: APIClient, contacts: Contacts) -> None:
        aida, bek = contacts("Aida", "Bek")
        alert = press(phone)
        acknowledge(alert, aida)
        acknowledge(alert, bek)
        decline(alert, aida)
        assert status(alert) == AlertStatus.ACKNOWLEDGED
