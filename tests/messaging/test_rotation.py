"""A change of DATA_KEYS: every stored value comes under the new key, while the installation runs."""

from io import StringIO
from threading import Event, Thread
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from alerts.models import Evidence
from geo.models import Blueprint
from identity.consent_models import ConsentHow, ConsentRecord, ConsentState, ContactConsent
from identity.contacts import contacts
from identity.models import EmergencyContact, User
from identity.staff import factors
from messaging import rotation
from messaging.database import clock
from messaging.database.sql import rows
from messaging.encryption import decrypt, unwrap_key, wrap_key
from messaging.models import Message, OptOut
from tests.messaging.engine import queued, sms

OLD = django_settings.DATA_KEYS[0]
NEW = "another-key-of-more-than-fifty-characters-0123456789-0123456789"
NUMBERS = [f"+99670012340{n}" for n in range(5)]

pytestmark = pytest.mark.django_db


def person(number: str = NUMBERS[0]) -> User:
    return User.objects.create(phone_number=number, first_name="Aida", language="en", email="aida@example.org")


def contact(user: User, number: str, order: int) -> EmergencyContact:
    return EmergencyContact.objects.create(user=user, name="Bek", phone_number=number, relation="brother", order=order)


def consent(user: User, number: str, state: ConsentState = ConsentState.INVITED) -> ContactConsent:
    said: dict[str, Any] = {"state": state, "at": clock.now(), "how": ConsentHow.ADDED, "text_version": 1}
    ConsentRecord.objects.create(user=user, phone_number=number, language="en", **said)
    return ContactConsent.objects.create(user=user, phone_number=number, language="en", **said)


def rotate() -> str:
    said = StringIO()
    call_command("rotatekeys", stdout=said)
    return said.getvalue()


def stored() -> str:
    """Every table with encrypted columns, as a dump has it."""
    parts = []
    for group in rotation.groups():
        for table in group:
            parts += [str(row) for row in rows(f"SELECT t::text FROM {table.name} t")]
    return "\n".join(parts)


def test_plain_rows_are_encrypted(settings: Any) -> None:
    settings.DATA_KEYS = ["plain", NEW]
    aida = person()
    contact(aida, NUMBERS[1], 0)
    consent(aida, NUMBERS[1])
    OptOut.objects.create(address=NUMBERS[2], reason="STOP", since=clock.now())
    now = clock.now()
    Blueprint.objects.create(owner=aida, name="Term", zones=[{"name": "Lyceum"}], created_at=now, updated_at=now)
    [message] = queued(sms("Your code is 493817"))
    enrolled = factors.enrol(aida, now=clock.now())
    words = ["Aida", "aida@example.org", "Bek", "brother", "Term", "Lyceum", *(each[1:] for each in NUMBERS[:3])]
    assert [word for word in words if word not in stored()] == []

    settings.DATA_KEYS = [NEW]
    assert "Everything is under the first key." in rotate()
    assert [word for word in words if word in stored()] == []
    # Without SECRET_KEY too, texts and secrets can be read.
    settings.SECRET_KEY = "a" * 50
    assert decrypt(Message.objects.get(id=message.id).text or b"") == "Your code is 493817"
    assert User.objects.get(phone_number=NUMBERS[0]).email == "aida@example.org"
    assert (Blueprint.objects.get().name, Blueprint.objects.get().zones) == ("Term", [{"name": "Lyceum"}])
    assert OptOut.objects.get(address=NUMBERS[2]).reason == "STOP"
    assert factors.prove(aida, enrolled.recovery_codes[0], now=clock.now())


def test_the_old_key_can_be_dropped_afterwards(settings: Any) -> None:
    aida = person()
    contact(aida, NUMBERS[1], 0)
    settings.DATA_KEYS = [NEW, OLD]
    rotate()
    settings.DATA_KEYS = [NEW]
    found = User.objects.get(phone_number=NUMBERS[0])
    assert [str(each.phone_number) for each in found.contacts.all()] == [NUMBERS[1]]
    assert found.contacts.get().name == "Bek"
    assert "0 changed" in rotate()


def test_one_batch_after_the_other(settings: Any) -> None:
    for number in NUMBERS:
        person(number)
    settings.DATA_KEYS = [NEW, OLD]
    [users] = [group for group in rotation.groups() if group[0].model is User]
    *_, count = rotation.rotate(users, batch=2)
    assert (count.seen, count.changed, count.is_done) == (5, 5, True)
    *_, again = rotation.rotate(users, batch=2)
    assert (again.seen, again.changed) == (5, 0)


def test_contacts_stay_unconfirmed_in_every_step(settings: Any) -> None:
    """The contact and its consent are compared in the database, so they change together."""
    aida = person()
    bek = contact(aida, NUMBERS[1], 0)
    consent(aida, NUMBERS[1])
    settings.DATA_KEYS = [NEW, OLD]
    [pair] = [group for group in rotation.groups() if len(group) == 2]
    with transaction.atomic():
        [_, *_] = list(rotation.rotate(pair))
        assert _is_unconfirmed(bek)
    assert _is_unconfirmed(bek)


def _is_unconfirmed(contact: EmergencyContact) -> bool:
    return not contacts.to_tell(contact.user_id).get(id=contact.id).confirmed


def test_the_history_of_consent_changes_its_key_and_nothing_else(settings: Any) -> None:
    consent(person(), NUMBERS[1])
    settings.DATA_KEYS = [NEW, OLD]
    rotate()
    settings.DATA_KEYS = [NEW]
    assert str(ConsentRecord.objects.get().phone_number) == NUMBERS[1]
    for change in ("state = 'accepted'", f"phone_number = '{NUMBERS[2]}'", "at = now()"):
        rows("SELECT set_config('alertme.changes_keys', 'on', true)")
        with pytest.raises(IntegrityError), transaction.atomic():
            rows(f"UPDATE identity_consentrecord SET {change}")
    rows("SELECT set_config('alertme.changes_keys', '', true)")
    with pytest.raises(IntegrityError), transaction.atomic():
        rows("UPDATE identity_consentrecord SET phone_number = '~nAAAAAA' || substr(phone_number, 9)")


def test_one_number_in_two_forms_is_reported_and_kept(settings: Any) -> None:
    aida = person()
    settings.DATA_KEYS = ["plain", NEW]
    contact(aida, NUMBERS[1], 0)
    settings.DATA_KEYS = [NEW]
    contact(aida, NUMBERS[1], 1)  # Past the code that looks for the number first.
    with pytest.raises(CommandError, match="Keep the other keys"):
        rotate()
    assert aida.contacts.filter(phone_number=NUMBERS[1]).count() == 2


def test_a_value_whose_key_is_gone_is_reported_and_kept(settings: Any) -> None:
    aida = person()
    before = rows("SELECT first_name, phone_number FROM identity_user")
    settings.DATA_KEYS = [NEW]
    with pytest.raises(CommandError, match="Keep the other keys"):
        rotate()
    assert rows("SELECT first_name, phone_number FROM identity_user") == before
    # Saving such a row keeps it too.
    lost = User.objects.get(id=aida.id)
    assert (str(lost.phone_number), lost.first_name) == ("", "")
    lost.save()
    assert rows("SELECT first_name, phone_number FROM identity_user") == before


def test_the_key_of_a_file_changes(settings: Any) -> None:
    [field] = [each for each in Evidence._meta.concrete_fields if each.name == "file_key"]
    wrapped = wrap_key(b"k" * 32)
    settings.DATA_KEYS = [NEW, OLD]
    again = field.under_newest_key(wrapped)  # type: ignore[attr-defined]
    settings.DATA_KEYS = [NEW]
    assert unwrap_key(again) == b"k" * 32
    assert field.under_newest_key(b"") == b""  # type: ignore[attr-defined]


def test_keys_do_not_change_while_plain_is_written(settings: Any) -> None:
    settings.DATA_KEYS = ["plain", NEW]
    with pytest.raises(CommandError, match="plain"):
        rotate()


@pytest.mark.django_db(transaction=True)
def test_a_held_row_is_left_and_nobody_waits(settings: Any) -> None:
    aida, other = person(), person(NUMBERS[1])
    settings.DATA_KEYS = [NEW, OLD]
    held, over = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            User.objects.select_for_update().get(id=aida.id)
            held.set()
            over.wait(timeout=20)
        connection.close()

    holder = Thread(target=hold)
    holder.start()
    held.wait(timeout=20)
    with pytest.raises(CommandError, match="Keep the other keys"):
        rotate()
    over.set()
    holder.join()
    settings.DATA_KEYS = [NEW]
    assert str(User.objects.get(id=other.id).phone_number) == NUMBERS[1]
    settings.DATA_KEYS = [NEW, OLD]
    assert "Everything is under the first key." in rotate()


@pytest.mark.django_db(transaction=True)
def test_what_is_written_meanwhile_is_kept(settings: Any) -> None:
    """Names change as fast as they can while the keys change; the last name of each person stands at the end."""
    people = [person(number) for number in NUMBERS]
    settings.DATA_KEYS = [NEW, OLD]
    over = Event()
    last: dict[Any, str] = {}

    def rename() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            for each in people:
                last[each.id] = f"Aida {turn}"
                User.objects.filter(id=each.id).update(first_name=last[each.id])
        connection.close()

    renaming = Thread(target=rename)
    renaming.start()
    for _ in range(20):
        for group in rotation.groups():
            list(rotation.rotate(group, batch=2))
    over.set()
    renaming.join()
    rotate()
    settings.DATA_KEYS = [NEW]
    assert {each.id: each.first_name for each in User.objects.all()} == last
