"""Our sender carries our words: nobody's name makes it say something else, and nobody's all-clear is another person's.

Found by an audit: an account of the same name sent "Aida Asanova is safe. The alert has ended." while the alert of
Aida was active, and nothing in the two texts differed. A name "KICB: your card is blocked. kicb-pay.com/unlock" arrived
as it was, in an SOS. Now each text holds the sender's verified number or the contact's own link, and no name holds a
link.
"""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.contacts import links, texts
from alerts.models import AlertKind, AlertStatus, SosAlert
from geo import texts as zone_texts
from identity.models import EmergencyContact, User
from messaging.models import Message
from messaging.segments import count_segments
from messaging.states import State
from tests.alerts.conftest import app
from tests.alerts.engine import drive, messages, text_of, token_in
from tests.identity.test_names import LINK as LINKISH

MOTHER = "+996700333444"
PHISHING = "KICB: your card is blocked. kicb-pay.com/unlock"
LINK = links.url("x" * links.TOKEN_LENGTH)
NAMES = st.text(max_size=50)


def _person(phone: str, **names: str) -> User:
    person = User.objects.create(phone_number=phone, language="en", **names)
    EmergencyContact.objects.create(user=person, name="Mama", phone_number=MOTHER, language="en", order=0)
    return person


def _press(person: User) -> str:
    return str(app(person).post("/api/v1/sos-alerts/", {}, format="json").data["id"])


def _texts() -> list[str]:
    return [text_of(message) for message in Message.objects.filter(address=MOTHER).order_by("id") if message.text]


def _all(owner: User, *, other: str, language: str) -> list[str]:
    """Every text that a contact can get about this owner."""
    now = datetime.now(UTC)
    ends = [SosAlert(status=status, created_at=now) for status in (AlertStatus.RESOLVED, AlertStatus.CANCELLED)]
    with_link = [texts.sos, texts.missed_check_in, texts.drill, texts.duress]
    return [
        *(compose(owner, language=language, link=LINK) for compose in with_link),
        *(texts.all_clear(alert, owner, language=language) for alert in (*ends, SosAlert(is_drill=True))),
        texts.responder(other, owner, language=language),
        texts.withdrawn(other, owner, language=language),
        zone_texts.entered(owner, zone=other, language=language),
        zone_texts.left(owner, zone=other, language=language),
    ]


@pytest.mark.django_db
def test_the_all_clear_of_a_namesake_is_told_apart() -> None:
    victim = _person("+996555111111", first_name="Aida", last_name="Asanova")
    forger = _person("+996555222222", first_name="Aida", last_name="Asanova")
    alert = _press(victim)
    forged = _press(forger)
    assert "+996555111111" in _texts()[0]
    for alert_id in (alert, forged):
        for message in messages(alert_id):
            drive(message, State.DELIVERED)
    assert app(forger).post(f"/api/v1/sos-alerts/{forged}/resolve/", {}, format="json").status_code == 200

    assert SosAlert.objects.get(id=alert).status == AlertStatus.ACTIVE
    # Found: "Aida Asanova is safe. The alert has ended."
    assert _texts() == ["Aida Asanova (+996555222222) is safe. The alert has ended."]


@pytest.mark.django_db
def test_a_name_that_was_stored_before_the_rule_brings_no_link() -> None:
    _press(_person("+996555222222", first_name=PHISHING[:50]))
    [sos] = _texts()
    # Found: "SOS! KICB: your card is blocked. kicb-pay.com/unlock needs help: ..."
    assert sos.startswith("SOS! KICB your card is blocked kicb-pay com unlock")
    link = links.url(token_in(Message.objects.get()))
    assert [word for word in sos.split(" ") if LINKISH.search(word)] == ["help:", link, "+996555222222"]


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_no_such_name_is_taken(field: str) -> None:
    person = _person("+996555222222", first_name="Mallory")
    answer = app(person).patch("/api/v1/me/", {field: PHISHING[:50]}, format="json")
    assert (answer.status_code, answer.json()["errors"][field][0]["code"]) == (400, "not_a_name")
    contact = {"name": PHISHING, "phone_number": "+996700777888"}
    assert app(person).post("/api/v1/me/contacts/", contact, format="json").status_code == 400


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
@given(NAMES, NAMES, NAMES, st.sampled_from(["+996555123456", "+99655512345678"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_text_to_a_contact_names_its_number_or_its_link(
    language: str, first: str, last: str, other: str, phone: str
) -> None:
    owner = User(first_name=first, last_name=last, phone_number=phone)
    for text in _all(owner, other=other, language=language):
        assert phone in text or LINK in text, text
        assert count_segments(text) == 1, text
        words = text.replace(LINK, "").replace(phone, "").replace("112", "")
        # Our own sentences have periods at their ends only.
        assert not re.search(r"\w\.\w|[/@\d]", words), text


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
def test_a_call_speaks_no_link(language: str) -> None:
    owner = User(first_name=PHISHING, phone_number="+996555123456")
    for kind in AlertKind:
        assert "kicb-pay com unlock" in texts.call(owner, kind=kind, language=language)


def test_duress_gives_no_number_to_call_back() -> None:
    """A call back could give the person away. So the contact's link proves the text, not the owner's number."""
    owner = User(first_name="Aida", phone_number="+996555123456")
    for language in ("ky", "ru", "en"):
        text = texts.duress(owner, language=language, link=LINK)
        assert LINK in text
        assert "+996555123456" not in text
