"""SECRET_KEY changes in the middle of a story, with the old key among the fallbacks: whatever was handed out goes on.

Found by reading: a reminder of an alert that was open during the change carried a link that opened nothing.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend

from alerts.contacts import links
from alerts.exports import verification
from alerts.models import ContactLink
from identity.contacts import consent, contacts
from identity.contacts import links as consent_links
from identity.devices import credentials
from identity.models import EmergencyContact, Platform, User
from identity.sessions import known_devices, tokens
from identity.staff import factors
from messaging.database import clock
from tests.alerts.engine import link_in, messages
from tests.alerts.escalation.story import REMINDER, take_all_steps
from tests.alerts.evidence import files
from tests.alerts.evidence.downloads import body
from tests.identity.phones import BEN, App, code_for, register, texts_to, verify
from tests.identity.staff.test_staff_log_in import code_of, enrolled, is_in, log_in, operator

__all__ = ["enrolled", "operator"]  # Fixtures.
URL = "/api/v1/sos-alerts/"
NEW_KEY = "the-next-key-of-more-than-fifty-characters-0123456789-0123456789"

Change = Callable[..., None]

pytestmark = pytest.mark.django_db


@pytest.fixture
def change_key(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Change:
    def change(*, forget: bool = False) -> None:
        earlier = [] if forget else [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, earlier
        # A new process would sign tokens with the new key.
        monkeypatch.setattr(state, "token_backend", TokenBackend("HS256", NEW_KEY))

    return change


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create(phone_number="+996555123456", first_name="Ana", last_name="Asanova", language="en")


@pytest.fixture
def app(ana: User) -> App:
    return App(HTTP_AUTHORIZATION=f"Bearer {tokens.open_session(ana, now=clock.now()).access}")


@pytest.fixture
def alert(ana: User, app: App) -> str:
    """Ana's alert, told to Aida and Bek."""
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=ana, name=name, phone_number=f"+9967001000{n:02}", language="en", order=n)
        for n, name in enumerate(("Aida", "Bek"))
    )
    return str(app.post(URL, {}).json()["id"])


def test_the_next_reminder_repeats_the_first_link(alert: str, change_key: Change) -> None:
    first = [link_in(message) for message in messages(alert)]
    change_key()
    take_all_steps()
    assert [link_in(message) for message in messages(alert, REMINDER)] == first
    for link in first:
        assert Client().get(urlsplit(link).path).status_code == 200
    assert ContactLink.objects.count() == 2


def test_without_the_old_key_a_reminder_has_a_new_link_and_the_first_still_opens(
    alert: str, change_key: Change
) -> None:
    first = [link_in(message) for message in messages(alert)]
    change_key(forget=True)
    take_all_steps()
    again = [link_in(message) for message in messages(alert, REMINDER)]
    assert not set(first) & set(again)
    for link in first + again:
        assert Client().get(urlsplit(link).path).status_code == 200
    # The next text repeats the new link.
    pairs = list(ContactLink.objects.filter(generation=0).order_by("id").values_list("alert_id", "contact_id"))
    assert [links.url(token) for token in links.issue(pairs, now=clock.now()).values()] == again
    assert ContactLink.objects.count() == 4


def test_without_the_old_key_a_revoked_link_stays_closed(alert: str, change_key: Change) -> None:
    revoked = ContactLink.objects.earliest("id")
    links.revoke([revoked.id], now=clock.now())
    change_key(forget=True)
    issued = links.issue([(revoked.alert_id, revoked.contact_id)], now=clock.now())
    assert [links.opened(token, now=clock.now()) for token in issued.values()] == [None]
    assert ContactLink.objects.count() == 2


def test_an_invitation_and_its_reminder_have_one_link(ana: User, change_key: Change) -> None:
    contact = contacts.add(person_id=ana.id, name="Ben", phone_number=BEN, now=clock.now())
    change_key()
    consent.remind(contact, ana, now=clock.now() + consent.REMIND_AFTER)
    first, again = (text.rpartition("/")[2] for text in texts_to(BEN))
    assert first == again
    assert consent_links.opened(first, now=clock.now()) is not None


def test_a_code_on_its_way_is_right(change_key: Change, db: None) -> None:
    app = App()
    pending = register(app).json()
    code = code_for(BEN)
    change_key()
    assert verify(app, pending, code).status_code == 200


def test_a_code_of_a_forgotten_key_is_wrong(change_key: Change, db: None) -> None:
    app = App()
    pending = register(app).json()
    code = code_for(BEN)
    change_key(forget=True)
    assert verify(app, pending, code).status_code == 400


def test_nobody_is_signed_out(ana: User, change_key: Change) -> None:
    pair, device = tokens.open_session(ana, now=clock.now()), known_devices.token_for(ana)
    credential = _credential(ana)
    change_key()
    app = App(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    assert app.get("/api/v1/me/").status_code == 200
    # Only a press with a token that is not ours is refused.
    assert app.post(URL, {}).status_code == 201
    assert App().post("/api/v1/auth/token/refresh/", {"refresh": pair.refresh}).status_code == 200
    assert known_devices.spend_try(device, ana, now=clock.now())
    assert credentials.recognise(credential, now=clock.now()) is not None


def test_a_forgotten_key_opens_no_session(ana: User, change_key: Change) -> None:
    pair = tokens.open_session(ana, now=clock.now())
    change_key(forget=True)
    assert App(HTTP_AUTHORIZATION=f"Bearer {pair.access}").get("/api/v1/me/").status_code == 401
    assert App().post("/api/v1/auth/token/refresh/", {"refresh": pair.refresh}).status_code == 401


def test_the_operators_session_and_factor_stay(enrolled: factors.Enrolment, change_key: Change) -> None:
    inside = log_in(code_of(enrolled))
    change_key()
    assert is_in(inside)
    assert is_in(log_in(code_of(enrolled, steps=1)))


def test_recordings_are_served_and_exports_verify(
    app: App, alert: str, change_key: Change, tmp_path: Any, settings: Any
) -> None:
    settings.MEDIA_ROOT, settings.EVIDENCE_FREE_MB = str(tmp_path), 0
    file = SimpleUploadedFile("a.wav", files.wav())
    sent = app.post(f"{URL}{alert}/upload_audio/", {"audio": file}, format="multipart").json()
    exported = BytesIO(body(app.get(f"{URL}{alert}/export/")))
    change_key()
    assert body(Client().get(urlsplit(sent["audio_url"]).path)) == files.wav()
    verdict = verification.verify(exported)
    offered = Client().get("/api/v1/export-key/").json()["keys"]
    assert verdict.problems == []
    assert verdict.manifest["key_id"] in [key["id"] for key in offered]


def test_a_repeated_post_gets_its_first_response(app: App, ana: User, change_key: Change) -> None:
    contact = {"name": "Ben", "phone_number": BEN}
    first = app.post("/api/v1/me/contacts/", contact, HTTP_IDEMPOTENCY_KEY="k1")
    change_key()
    again = app.post("/api/v1/me/contacts/", contact, HTTP_IDEMPOTENCY_KEY="k1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again["Idempotency-Replayed"] == "true"


def _credential(person: User) -> str:
    made = credentials.register(
        person=person, session_id=None, name="phone", platform=Platform.ANDROID, now=clock.now()
    )
    return made.credential
