"""A number is asked once; what it says belongs to the person and the number and is kept as proof."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from identity.api import rates
from identity.consent_models import ConsentHow, ConsentRecord, ConsentState, ContactConsent
from identity.contacts import consent, contacts, links, texts
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message, MessageClass
from messaging.outbox import optouts
from messaging.segments import count_segments
from messaging.states import State
from tests.identity.conftest import signed_in
from tests.identity.phones import BEN, App, texts_to

CONTACTS = "/api/v1/me/contacts/"
OTHER = "+996700654322"

pytestmark = pytest.mark.django_db


def add(app: App, phone_number: str = BEN, **fields: Any) -> dict[str, Any]:
    answer = app.post(CONTACTS, {"name": "Ben", "phone_number": phone_number} | fields)
    assert answer.status_code == 201, answer.json()
    return dict(answer.json())


def shown(app: App) -> list[dict[str, Any]]:
    return [contact["consent"] for contact in app.get(CONTACTS).json()["results"]]


def say(person: User, how: str, phone_number: str = BEN) -> Any:
    say_it = consent.accept if how == "accept" else consent.decline
    return say_it(person_id=person.id, phone_number=phone_number, how=ConsentHow.PAGE, language="en", now=clock.now())


def history(phone_number: str = BEN) -> list[tuple[str, str]]:
    found = ConsentRecord.objects.filter(phone_number=phone_number).order_by("id")
    return list(found.values_list("state", "how"))


def test_adding_asks_by_one_fixed_text(anas_app: App, ana: User) -> None:
    contact = add(anas_app, relation="www.evil.com")
    [sms] = Message.objects.all()
    assert (sms.address, sms.message_class, sms.stands_alone) == (BEN, MessageClass.SAFETY, True)
    [text] = texts_to(BEN)
    start = "AlertMe: Ana Asanova (+996555123456) asks you to be an emergency contact. Accept or decline: "
    assert text.startswith(start)
    assert "/c/" in text.removeprefix(start)
    row = ContactConsent.objects.get()
    assert contact["consent"] == {"state": "invited", "since": _time(row), "reminders_left": 2}
    assert (row.text_version, row.language, row.how) == (texts.VERSION, "en", "added")
    assert history() == [("invited", "added")]
    assert text.rpartition("/")[2].encode() not in bytes(row.token_hash or b"")


def _time(row: ContactConsent) -> str:
    return row.at.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
@pytest.mark.parametrize("name", ["Aida", "Константин-Александр", "👩‍👩‍👧‍👦", ""])
@pytest.mark.parametrize("host", ["sos.kg", "alerts.of.example.org", "h" * 24])
def test_the_text_takes_one_segment_and_names_the_number(language: str, name: str, host: str) -> None:
    for phone in ("+996555123456", "+99655512345678"):
        person = User(first_name=name, phone_number=phone)
        link = f"https://{host}/c/{'x' * 22}"
        text = texts.invitation(person, language=language, link=link)
        assert count_segments(text) == 1
        assert phone in text
        assert text.endswith(f" {link}")


def test_a_contact_of_before_counts_as_accepted(anas_app: App, ana: User) -> None:
    old = EmergencyContact.objects.create(user=ana, name="Old", phone_number=BEN, order=0)
    assert consent.is_confirmed(old)
    assert [each["state"] for each in shown(anas_app)] == ["accepted"]
    say(ana, "decline")
    assert history() == [("accepted", "before"), ("withdrawn", "page")]


def test_accepting_and_withdrawing_leave_proof(anas_app: App, ana: User) -> None:
    add(anas_app)
    contact = EmergencyContact.objects.get()
    assert not consent.is_confirmed(contact)
    say(ana, "accept")
    assert consent.is_confirmed(EmergencyContact.objects.get())
    assert say(ana, "decline") == contact
    assert say(ana, "decline") is None
    assert history() == [("invited", "added"), ("accepted", "page"), ("withdrawn", "page")]
    [state] = shown(anas_app)
    assert (state["state"], state["reminders_left"]) == ("withdrawn", 0)
    with pytest.raises(IntegrityError), transaction.atomic():
        ConsentRecord.objects.update(state=ConsentState.ACCEPTED)


def test_a_decline_survives_editing_away_and_back_and_adding_again(anas_app: App, ana: User) -> None:
    """Found: PATCH to another number and back undid a stranger's decline."""
    contact = add(anas_app)
    url = f"{CONTACTS}{contact['id']}/"
    say(ana, "decline")
    declined_at = anas_app.get(url).json()["declined_at"]
    assert declined_at is not None
    assert anas_app.patch(url, {"phone_number": OTHER}).json()["declined_at"] is None
    assert anas_app.patch(url, {"phone_number": BEN}).json()["declined_at"] == declined_at
    anas_app.delete(url)
    again = add(anas_app)
    assert (again["declined_at"], again["consent"]["state"]) == (declined_at, "declined")
    assert list(contacts.to_tell(ana.id)) == []
    assert len(texts_to(BEN)) == 1


def test_a_decline_is_of_one_person_only(anas_app: App, ana: User, stranger: User) -> None:
    add(anas_app)
    add(signed_in(stranger))
    say(stranger, "decline")
    assert [each["state"] for each in shown(anas_app)] == ["invited"]


def test_adding_again_sends_no_second_text(anas_app: App) -> None:
    for _ in range(3):
        anas_app.delete(f"{CONTACTS}{add(anas_app)['id']}/")
    assert len(texts_to(BEN)) == 1


def test_an_invitation_that_has_expired_is_sent_again(anas_app: App) -> None:
    anas_app.delete(f"{CONTACTS}{add(anas_app)['id']}/")
    ContactConsent.objects.update(texted_at=clock.now() - links.LIVES)
    add(anas_app)
    assert len(texts_to(BEN)) == 2


def test_changing_a_number_is_adding_it(anas_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: 150 changes in a row, 20 strangers texted in 19 s; the limit was on adding only."""
    limit = rates.Limit(scope="contacts added", times=3, window=timedelta(days=1))
    monkeypatch.setattr(contacts, "ADDED_A_DAY", limit)
    url = f"{CONTACTS}{add(anas_app)['id']}/"
    answers = [anas_app.patch(url, {"phone_number": f"+9967003000{n:02}"}) for n in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
    assert anas_app.patch(url, {"name": "Benjamin", "phone_number": "+996700300001"}).status_code == 200
    # The person is told of each number that goes; the numbers have not accepted and are not.
    own = Message.objects.filter(address=str(EmergencyContact.objects.get().user.phone_number))
    assert (Message.objects.count(), own.count()) == (5, 2)


def test_reminding_twice(anas_app: App) -> None:
    url = f"{CONTACTS}{add(anas_app)['id']}/remind/"
    early = anas_app.post(url)
    assert (early.status_code, early.json()["code"]) == (429, "too_many_requests")
    assert 86_000 < int(early["Retry-After"]) <= 86_400
    for left in (1, 0):
        ContactConsent.objects.update(texted_at=clock.now() - consent.REMIND_AFTER)
        answer = anas_app.post(url)
        assert (answer.status_code, answer.json()["consent"]["reminders_left"]) == (200, left)
    ContactConsent.objects.update(texted_at=clock.now() - consent.REMIND_AFTER)
    assert (anas_app.post(url).status_code, anas_app.post(url).json()["code"]) == (409, "reminded_enough")
    # The same link, so that an older SMS opens the page too.
    assert len(set(texts_to(BEN))) == 1
    assert len(texts_to(BEN)) == 3


def test_who_has_answered_is_not_reminded(anas_app: App, ana: User) -> None:
    url = f"{CONTACTS}{add(anas_app)['id']}/remind/"
    say(ana, "accept")
    answer = anas_app.post(url)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_answered")


def test_another_persons_contact_is_not_reminded(anas_app: App, stranger: User) -> None:
    contact = add(anas_app)
    assert signed_in(stranger).post(f"{CONTACTS}{contact['id']}/remind/").status_code == 404


def test_many_accounts_do_not_flood_one_number(anas_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = rates.Limit(scope="consent texts to number", times=2, window=timedelta(days=1))
    monkeypatch.setattr(consent, "TEXTS_PER_NUMBER", limit)
    people = [User.objects.create(phone_number=f"+9965550000{n:02}", first_name="A", language="en") for n in range(4)]
    added = [add(signed_in(person)) for person in people]
    assert len(texts_to(BEN)) == 2
    # The contact is there all the same, and an SOS reaches it.
    assert [contact["consent"]["state"] for contact in added] == ["invited"] * 4
    assert contacts.to_tell(people[-1].id).count() == 1


def test_a_number_that_wants_no_sms_gets_no_invitation(anas_app: App) -> None:
    optouts.ask(BEN, reason="STOP", now=clock.now())
    assert add(anas_app)["consent"]["state"] == "invited"
    [message] = Message.objects.all()
    assert (message.state, message.error_code) == (State.FAILED, "opted_out")


@pytest.mark.parametrize(
    "number", ["+19005550123", "+18005550123", "+996800123456"], ids=["premium rate", "toll-free", "toll-free KG"]
)
def test_a_number_that_is_nobodys_is_refused(anas_app: App, ana: User, number: str) -> None:
    """Found: premium-rate numbers of allowed countries passed."""
    answer = anas_app.post(CONTACTS, {"name": "Ben", "phone_number": number})
    assert (answer.status_code, answer.json()["errors"]["phone_number"][0]["code"]) == (400, "number_type_refused")
    assert not Message.objects.exists()


def test_a_revoked_link_opens_nothing_and_the_next_text_has_another(anas_app: App) -> None:
    contact = add(anas_app)
    [first] = [text.rpartition("/")[2] for text in texts_to(BEN)]
    row = links.opened(first, now=clock.now())
    assert row is not None
    assert links.revoke([str(row.id)], now=clock.now()) == 1
    assert links.opened(first, now=clock.now()) is None
    ContactConsent.objects.update(texted_at=clock.now() - consent.REMIND_AFTER)
    assert anas_app.post(f"{CONTACTS}{contact['id']}/remind/").status_code == 200
    second = texts_to(BEN)[-1].rpartition("/")[2]
    assert second != first
    assert links.opened(second, now=clock.now() + links.LIVES - timedelta(minutes=1)) == row
    assert links.opened(second, now=clock.now() + links.LIVES) is None
