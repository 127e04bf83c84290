"""Nobody becomes somebody's contact without being asked, and a contact who said no stays out.

Found by an audit: a contact needed no consent, so 24 calls and 30 SMS went to a stranger in 32 s, and a stranger's
decline was undone by changing the number away and back. Now a number that has not accepted gets the first SMS and one
call of at most 3 alerts a day, and nothing else; a number that declined gets nothing.
"""

from typing import Any

import pytest
from django.test import Client

from alerts.contacts.presses import TO_UNCONFIRMED, WITHHELD
from alerts.models import EscalationStep, Notification, NotificationKind, StepKind
from geo import telling
from identity.consent_models import ConsentRecord, ContactConsent, NumberBlock
from identity.contacts import consent, contacts
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message
from tests.alerts.conftest import app
from tests.alerts.engine import messages, text_of

CONTACTS, URL = "/api/v1/me/contacts/", "/api/v1/sos-alerts/"
MOTHER, BEK = "+996700333444", "+996700333555"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create(phone_number="+996555123456", first_name="Ana", last_name="Asanova", language="en")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create(phone_number="+996555999999", first_name="Stranger", language="en")


def add(person: User, phone_number: str = MOTHER, name: str = "Mama") -> Any:
    answer = app(person).post(CONTACTS, {"name": name, "phone_number": phone_number}, format="json")
    assert answer.status_code == 201, answer.data
    return answer.json()


def token_to(phone_number: str = MOTHER, *, nth: int = 0) -> str:
    sent = Message.objects.filter(address=phone_number).order_by("id")
    texts = [text_of(message) for message in sent if message.text]
    return [text for text in texts if "/c/" in text][nth].rpartition("/")[2]


def choose(token: str, choice: str) -> Any:
    return Client(enforce_csrf_checks=True).post(f"/c/{token}", {"choice": choice})


def press(person: User, **body: Any) -> Any:
    return app(person).post(URL, body, format="json")


def asked(alert: Any) -> list[str]:
    sent = [message for message in messages(str(alert.data["id"])) if message.error_code != WITHHELD]
    return [message.address for message in sent]


def end(person: User, alert: Any) -> None:
    assert app(person).post(f"{URL}{alert.data['id']}/resolve/", {}, format="json").status_code == 200


def state(person: User, phone_number: str = MOTHER) -> str:
    return str(ContactConsent.objects.get(user=person, phone_number=phone_number).state)


class TestTheLink:
    def test_looking_answers_nothing(self, ana: User) -> None:
        """Link previews and scanners send GET and HEAD, some with the fields of the form."""
        add(ana)
        token = token_to()
        for answer in (
            Client().get(f"/c/{token}"),
            Client().get(f"/c/{token}?choice=accept"),
            Client().head(f"/c/{token}"),
        ):
            assert answer.status_code == 200
        assert Client().put(f"/c/{token}").status_code == 405
        assert choose(token, "nonsense").status_code == 200
        assert state(ana) == "invited"

    def test_the_page_is_private_and_needs_no_script(self, ana: User) -> None:
        add(ana)
        answer = Client().get(f"/c/{token_to()}")
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "<script" not in answer.content.decode()
        assert "Ana Asanova (+996555123456) asks you to be an emergency contact" in answer.content.decode()

    @pytest.mark.parametrize("language", ["ky", "ru"])
    @pytest.mark.parametrize("choice", ["", "accept", "decline", "block"])
    def test_every_state_is_translated(self, ana: User, language: str, choice: str) -> None:
        add(ana)
        choose(token_to(), choice)
        page = Client().get(f"/c/{token_to()}?lang={language}").content.decode()
        for english in ("asks you", "accept<", "decline<", "You ", "Block", "Nobody", "Until", "Everybody"):
            assert english not in page

    @pytest.mark.parametrize("token", ["x" * 22, "x", "é" * 22])
    def test_a_wrong_token_answers_nothing(self, ana: User, token: str) -> None:
        add(ana)
        page, choice = Client().get(f"/c/{token}"), choose(token, "accept")
        assert (page.status_code, choice.status_code, choice.content) == (404, 404, page.content)
        assert state(ana) == "invited"

    def test_the_language_and_the_version_of_the_text_are_proof(self, ana: User) -> None:
        add(ana)
        Client().post(f"/c/{token_to()}?lang=ky", {"choice": "accept"})
        record = ConsentRecord.objects.order_by("-id")[0]
        assert (record.state, record.how, record.language, record.text_version) == ("accepted", "page", "ky", 1)


class TestWhoHasNotAnswered:
    def test_gets_an_sos_a_few_times_a_day(self, ana: User) -> None:
        add(ana)
        told = []
        for _ in range(TO_UNCONFIRMED + 2):
            alert = press(ana)
            assert alert.status_code == 201
            told.append(asked(alert))
            end(ana, alert)
        assert told == [[MOTHER]] * TO_UNCONFIRMED + [[]] * 2

    def test_is_not_pestered_by_adding_and_removing(self, ana: User) -> None:
        for _ in range(TO_UNCONFIRMED + 2):
            contact = add(ana)
            alert = press(ana)
            end(ana, alert)
            app(ana).delete(f"{CONTACTS}{contact['id']}/")
        told = Notification.objects.filter(kind=NotificationKind.SOS, phone_number=MOTHER)
        told = told.exclude(message__error_code=WITHHELD)
        assert told.count() == TO_UNCONFIRMED

    def test_is_counted_for_each_person_apart(self, ana: User, stranger: User) -> None:
        for person in (ana, stranger):
            add(person)
        for _ in range(TO_UNCONFIRMED + 1):
            end(stranger, press(stranger))
        assert asked(press(ana)) == [MOTHER]

    def test_gets_one_call_and_no_reminder(self, ana: User) -> None:
        """Found: 24 calls and 30 SMS to one stranger in 32 s, by a policy of one's own."""
        contact = add(ana)
        add(ana, BEK, "Bek")
        choose(token_to(BEK), "accept")
        wave = {"wait_s": 0, "contacts": []}
        waves = [wave | {"channel": channel} for channel in ("voice", "sms") for _ in range(4)]
        put = app(ana).put("/api/v1/me/escalation-policy/", {"waves": waves, "give_up_after_s": 60}, format="json")
        assert put.status_code == 200, put.data
        press(ana)
        steps = EscalationStep.objects.filter(contact_id=contact["id"])
        assert [(step.kind, step.round) for step in steps] == [(StepKind.CALL, 0)]
        assert EscalationStep.objects.filter(phone_number=BEK).count() == 8

    def test_gets_no_drill(self, ana: User) -> None:
        add(ana)
        drill = press(ana, drill=True)
        assert (drill.status_code, asked(drill)) == (201, [])

    def test_is_not_told_of_zones(self, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
        add(ana)
        told: list[Any] = []
        monkeypatch.setattr(telling, "_record", lambda happening, person, found, now: told.append(found))
        telling.tell([object()], person_id=ana.id, now=clock.now())  # type: ignore[list-item]
        choose(token_to(), "accept")
        telling.tell([object()], person_id=ana.id, now=clock.now())  # type: ignore[list-item]
        assert [[str(contact.phone_number) for contact in found] for found in told] == [[], [MOTHER]]


def test_who_accepted_gets_everything(ana: User) -> None:
    add(ana)
    choose(token_to(), "accept")
    for _ in range(TO_UNCONFIRMED + 2):
        alert = press(ana)
        assert asked(alert) == [MOTHER]
        end(ana, alert)
    assert asked(press(ana, drill=True)) == [MOTHER]


def test_who_declined_gets_nothing_whatever_the_person_does(ana: User) -> None:
    contact = add(ana)
    choose(token_to(), "decline")
    url = f"{CONTACTS}{contact['id']}/"
    for change in ({"phone_number": BEK}, {"phone_number": MOTHER}, {"name": "Mother"}):
        assert app(ana).patch(url, change, format="json").status_code == 200
    app(ana).delete(url)
    add(ana)
    assert asked(press(ana)) == []
    # Only the number itself can undo it.
    choose(token_to(), "accept")
    assert [str(found.phone_number) for found in contacts.to_tell(ana.id)] == [MOTHER]


def test_a_decline_on_an_alerts_page_is_of_the_number_that_got_the_link(ana: User) -> None:
    """Found: after a change of the number, the reader of the old number declined for the new one."""
    contact = add(ana)
    [sos] = messages(str(press(ana).data["id"]))
    token = text_of(sos).partition("/a/")[2][:22]
    app(ana).patch(f"{CONTACTS}{contact['id']}/", {"phone_number": BEK}, format="json")
    Client().post(f"/a/{token}/contact", {"choice": "decline"})
    assert (state(ana, MOTHER), state(ana, BEK)) == ("declined", "invited")
    assert EmergencyContact.objects.get().declined_at is None


def test_accepting_on_an_alerts_page(ana: User) -> None:
    add(ana)
    [sos] = messages(str(press(ana).data["id"]))
    token = text_of(sos).partition("/a/")[2][:22]
    assert 'value="accept"' in Client().get(f"/a/{token}/contact").content.decode()
    Client().post(f"/a/{token}/contact", {"choice": "accept"})
    assert state(ana) == "accepted"


class TestBlockingEveryone:
    def test_is_for_all_whom_the_number_has_not_accepted(self, ana: User, stranger: User) -> None:
        for person in (ana, stranger):
            add(person)
        choose(token_to(), "accept")
        choose(token_to(nth=1), "block")
        assert (state(ana), state(stranger)) == ("accepted", "declined")
        third = User.objects.create(phone_number="+996555777888", first_name="Third", language="en")
        before = Message.objects.filter(address=MOTHER).count()
        assert add(third)["consent"]["state"] == "declined"
        assert Message.objects.filter(address=MOTHER).count() == before
        assert (asked(press(stranger)), asked(press(third)), asked(press(ana))) == ([], [], [MOTHER])

    def test_everybody_who_waited_is_told(self, ana: User, stranger: User) -> None:
        for person in (ana, stranger):
            add(person)
        choose(token_to(), "block")
        for person in (ana, stranger):
            assert Message.objects.filter(address=str(person.phone_number)).count() == 1

    def test_can_be_taken_back(self, ana: User, stranger: User) -> None:
        add(ana)
        choose(token_to(), "block")
        choose(token_to(), "unblock")
        assert not NumberBlock.objects.exists()
        assert add(stranger)["consent"]["state"] == "invited"
        assert state(ana) == "declined"


def test_the_token_is_nowhere_in_the_database(ana: User) -> None:
    add(ana)
    row = ContactConsent.objects.values().get()
    assert token_to() not in str(row)


def test_confirmed_costs_the_sos_no_query_for_each_contact(ana: User, django_assert_num_queries: Any) -> None:
    for n in range(5):
        add(ana, f"+9967003000{n:02}", f"Contact {'ABCDE'[n]}")
    with django_assert_num_queries(1):
        assert [consent.is_confirmed(contact) for contact in contacts.to_tell(ana.id)] == [False] * 5
