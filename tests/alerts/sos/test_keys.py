"""An SOS while numbers are stored in several forms, and while some of them cannot be read."""

import time
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import connection
from rest_framework.test import APIClient

from alerts.contacts import links, untold
from alerts.models import ContactLink, EscalationStep, Notification, SosAlert
from identity.consent_models import ConsentHow, ConsentState, ContactConsent
from identity.contacts import contacts as contacts_of
from identity.errors import InvalidField
from identity.models import EmergencyContact, User
from identity.verification import registration
from messaging import rotation
from messaging.database import clock
from messaging.database.sql import rows
from messaging.models import Message, OptOut
from messaging.outbox import limits, optouts
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import messages

OLD = django_settings.DATA_KEYS[0]
NEW = "another-key-of-more-than-fifty-characters-0123456789-0123456789"
SOS = "/api/v1/sos-alerts/"
BEK = "+996700100001"
FORMS = [["plain", NEW, OLD], [OLD, NEW], [NEW, OLD]]

pytestmark = pytest.mark.django_db


def press(phone: APIClient, **body: Any) -> str:
    answer = phone.post(SOS, {"latitude": 42.8746, "longitude": 74.5698} | body, format="json")
    assert answer.status_code == 201, answer.data
    return str(answer.data["id"])


def numbers(alert_id: str) -> list[str]:
    return [
        str(each) for each in Notification.objects.filter(alert=UUID(alert_id)).values_list("phone_number", flat=True)
    ]


def test_nothing_of_an_alert_is_stored_plain(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bektemir")
    press(phone, address="Chüy 265")
    tables = ("alerts_sosalert", "alerts_notification", "alerts_escalationstep", "messaging_message", "identity_user")
    dump = "".join(text for table in tables for (text,) in rows(f"SELECT t::text FROM {table} t"))
    assert [word for word in ("Bektemir", "Chüy", "996700100001", "996555123456", "Asanova") if word in dump] == []
    assert EscalationStep.objects.exclude(contact_id=None).last().name == "Bektemir"  # type: ignore[union-attr]


def test_contacts_in_every_form_are_told(phone: APIClient, contacts: Contacts, settings: Any) -> None:
    for name, keys in zip(("Aida", "Bek", "Cholpon"), FORMS, strict=True):
        settings.DATA_KEYS = keys
        contacts(name)
    alert_id = press(phone)
    assert sorted(numbers(alert_id)) == ["+996700100000", "+996700100001", "+996700100002"]
    assert {message.state for message in messages(alert_id)} == {State.QUEUED}


@pytest.mark.parametrize("garbage", ["~nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "~nAAAAAA" + "A" * 23])
def test_an_sos_leaves_though_one_contact_and_the_owner_cannot_be_read(
    phone: APIClient, ana: User, contacts: Contacts, garbage: str
) -> None:
    contacts("Aida", "Bek", "Cholpon")
    rows('UPDATE identity_emergencycontact SET phone_number = %s WHERE "order" = 1', [garbage])
    rows("UPDATE identity_emergencycontact SET name = '~tAAAAAA' || repeat('A', 40) WHERE \"order\" = 2")
    rows("UPDATE identity_user SET phone_number = %s, first_name = '~tAAAAAA' || repeat('A', 40)", [garbage])
    ana.refresh_from_db()
    phone.force_authenticate(ana)
    alert_id = press(phone)
    told = {message.address: message.state for message in messages(alert_id)}
    assert told == {"+996700100000": State.QUEUED, "": State.FAILED, "+996700100002": State.QUEUED}
    # Nothing was lost: with its key the number is there again.
    assert rows("SELECT phone_number FROM alerts_notification WHERE phone_number = %s", [garbage])


@pytest.mark.parametrize("keys", FORMS)
def test_an_untold_contact_is_found_in_every_form(
    phone: APIClient, contacts: Contacts, settings: Any, keys: list[str]
) -> None:
    """The contact and the notification may be stored in two forms: a contact who is the danger is told nothing."""
    _, bek = contacts("Aida", "Bek")
    settings.DATA_KEYS = keys
    alert = SosAlert.objects.get(id=press(phone))
    EmergencyContact.objects.filter(id=bek.id).update(tell_of_duress=False)
    again = EmergencyContact.objects.create(user_id=bek.user_id, name="B", phone_number="+996700100009", order=2)
    Notification.objects.filter(contact_id=bek.id).update(contact_id=again.id)
    assert untold.of_person(alert) == [again.id]


@pytest.mark.parametrize("keys", FORMS)
def test_a_link_opens_after_the_end_in_every_form(
    phone: APIClient, contacts: Contacts, settings: Any, keys: list[str]
) -> None:
    contacts("Bek")
    alert_id = press(phone)
    settings.DATA_KEYS = keys
    EmergencyContact.objects.get().save()
    assert phone.post(f"{SOS}{alert_id}/resolve/").status_code == 200
    assert links._is_contact(ContactLink.objects.select_related("alert").get())
    EmergencyContact.objects.update(phone_number="+996700100009")
    assert not links._is_contact(ContactLink.objects.select_related("alert").get())


@pytest.mark.parametrize("keys", FORMS)
def test_an_opt_out_counts_in_every_form(settings: Any, keys: list[str]) -> None:
    now = clock.now()
    optouts.ask(BEK, reason="STOP", now=now)
    settings.DATA_KEYS = keys
    assert optouts.refusing([BEK]) == {BEK}
    optouts.ask(BEK, reason="STOP", now=now)
    assert OptOut.objects.count() == 1
    optouts.take_back(BEK)
    assert optouts.refusing([BEK]) == set()


def test_messages_are_counted_across_forms(phone: APIClient, contacts: Contacts, settings: Any, ana: User) -> None:
    contacts("Aida")
    for keys in FORMS:
        settings.DATA_KEYS = keys
        alert_id = press(phone)
        assert phone.post(f"{SOS}{alert_id}/cancel/").status_code == 200
    Message.objects.update(state=State.QUEUED, final_at=None)
    counted = limits.of_causes([(str(ana.id), "+996700100000")], now=clock.now())
    assert counted[str(ana.id), "sms", "+996700100000", 0] == 3


@pytest.mark.parametrize("keys", FORMS)
def test_a_number_that_is_added_again_stays_unconfirmed(ana: User, settings: Any, keys: list[str]) -> None:
    """The consent is of before, the contact is new: the database compares the two."""
    now = clock.now()
    said: dict[str, Any] = {"state": ConsentState.INVITED, "at": now, "how": ConsentHow.ADDED, "text_version": 1}
    ContactConsent.objects.create(user=ana, phone_number=BEK, language="en", **said)
    settings.DATA_KEYS = keys
    contacts_of.add(person_id=ana.id, name="Bek", phone_number=BEK, now=now)
    assert contacts_of.to_tell(ana.id).get().confirmed is False


@pytest.mark.parametrize("keys", FORMS)
def test_a_number_has_one_account_and_one_contact_in_every_form(ana: User, settings: Any, keys: list[str]) -> None:
    contacts_of.add(person_id=ana.id, name="Bek", phone_number=BEK, now=clock.now())
    settings.DATA_KEYS = keys
    with pytest.raises(registration.AlreadyRegistered):
        registration._refuse_known(str(ana.phone_number))
    with pytest.raises(InvalidField):
        contacts_of.add(person_id=ana.id, name="Bek", phone_number=BEK, now=clock.now())
    assert User.objects.get_by_natural_key(str(ana.phone_number)) == ana
    assert User.objects.filter(phone_number__iexact=str(ana.phone_number)).get() == ana


@pytest.mark.django_db(transaction=True)
def test_presses_while_the_keys_change(settings: Any) -> None:
    """An SOS refers to the person's row, and a change of keys locks it: the press waits for a batch at most."""
    people = [
        User.objects.create(phone_number=f"+9967000001{n:02}", first_name="Ana", language="en") for n in range(20)
    ]
    for person in people:
        contacts_of.add(person_id=person.id, name="Bek", phone_number=BEK, now=clock.now())
    settings.DATA_KEYS = [NEW, OLD]
    over = Event()

    def rotate() -> None:
        while not over.is_set():
            for group in rotation.groups():
                list(rotation.rotate(group, batch=3))
        connection.close()

    rotating = Thread(target=rotate)
    rotating.start()
    took = []
    for person in people:
        began = time.monotonic()
        alert_id = press(app(person))
        took.append(time.monotonic() - began)
        assert numbers(alert_id) == [BEK]
    over.set()
    rotating.join()
    assert max(took) < 1, took
    settings.DATA_KEYS = [NEW]
    assert not User.objects.exclude(phone_number__in=[f"+9967000001{n:02}" for n in range(20)]).exists()
