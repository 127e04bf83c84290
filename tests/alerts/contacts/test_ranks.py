"""When thousands press at once, every person's first contact is told before anyone's second. A contact who takes the
place of an unreachable one takes the rank too."""

from threading import Event

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from identity.models import EmergencyContact, User
from messaging.models import Message
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import drive, messages
from tests.race import at_once

URL = "/api/v1/sos-alerts/"


def press(phone: APIClient) -> list[Message]:
    return messages(phone.post(URL, {}, format="json").data["id"])


def ranks(sos: list[Message]) -> list[int]:
    return [Message.objects.get(id=message.id).rank for message in sos]


@pytest.mark.django_db
class TestAContact:
    def test_takes_the_rank_of_a_contact_who_cannot_be_reached(self, phone: APIClient, contacts: Contacts) -> None:
        first, *_ = contacts("Aida", "Bek", "Cholpon")
        EmergencyContact.objects.filter(id=first.id).update(phone_number="+447700900123")
        sos = press(phone)
        assert [message.state for message in sos] == [State.FAILED, State.QUEUED, State.QUEUED]
        assert ranks(sos) == [0, 0, 1]

    def test_takes_the_rank_of_a_contact_who_refuses_sms(self, phone: APIClient, contacts: Contacts) -> None:
        contacts("Aida", "Bek", "Cholpon", "Daniyar")
        sos = press(phone)
        drive(sos[0], State.FAILED, code="21610")
        assert ranks(sos) == [0, 0, 1, 2]
        drive(sos[2], State.UNDELIVERED, code="30006")
        assert ranks(sos) == [0, 0, 1, 1]

    def test_keeps_the_rank_when_the_one_before_was_reached(self, phone: APIClient, contacts: Contacts) -> None:
        contacts("Aida", "Bek")
        sos = press(phone)
        drive(sos[0], State.DELIVERED)
        assert ranks(sos) == [0, 1]

    def test_of_another_person_keeps_their_rank(self, phone: APIClient, contacts: Contacts, stranger: User) -> None:
        contacts("Aida", "Bek")
        EmergencyContact.objects.bulk_create(
            EmergencyContact(user=stranger, name="X", phone_number=f"+99670020000{n}", order=n) for n in range(2)
        )
        others = press(app(stranger))
        drive(press(phone)[0], State.FAILED, code="21610")
        assert ranks(others) == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_a_message_that_is_being_sent_is_not_waited_for(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    sos = press(phone)
    held, done = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Message.objects.select_for_update().get(id=sos[1].id)
            held.set()
            done.wait(10)

    def refuse() -> None:
        held.wait(10)
        drive(sos[0], State.FAILED, code="21610")
        done.set()

    at_once(hold, refuse)
    assert ranks(sos) == [0, 1]
