"""A contact declines, or asks for nothing but an SOS, on their page. The person sees it and is texted."""

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from alerts.contacts import texts
from alerts.page.linked import PRESSES
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message, MessageClass, OptOut
from messaging.outbox import optouts, outgoing
from messaging.segments import count_segments
from messaging.states import State
from tests.alerts.conftest import Contacts
from tests.alerts.engine import drive, messages, text_of
from tests.alerts.page.reading import within_one_window

URL = "/api/v1/sos-alerts/"
AIDA = "+996700100000"

pytestmark = pytest.mark.django_db


def choose(token: str, choice: str) -> Any:
    return Client(enforce_csrf_checks=True).post(f"/a/{token}/contact", {"choice": choice})


def shown(token: str, language: str = "en") -> str:
    answer = Client().get(f"/a/{token}/contact?lang={language}")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def in_the_app(phone: APIClient) -> dict[str, Any]:
    found: dict[str, Any] = phone.get("/api/v1/me/contacts/").json()["results"][0]
    return found


def told(ana: User) -> list[str]:
    return [text_of(message) for message in Message.objects.filter(address=str(ana.phone_number)).order_by("id")]


def press(phone: APIClient) -> list[str]:
    return [message.address for message in messages(phone.post(URL, {}, format="json").data["id"])]


def end(phone: APIClient, alert: str) -> None:
    phone.post(f"{URL}{alert}/resolve/")


def test_the_page_leads_to_the_choice(token: str) -> None:
    assert f'href="/a/{token}/contact"' in Client().get(f"/a/{token}").content.decode()
    assert f'href="/a/{token}/contact?lang=ru"' in Client().get(f"/a/{token}?lang=ru").content.decode()
    assert f'href="/a/{token}"' in shown(token).replace("?lang=en", "")


def test_looking_chooses_nothing(phone: APIClient, token: str) -> None:
    shown(token)
    Client().get(f"/a/{token}/contact?choice=decline")
    Client().head(f"/a/{token}/contact")
    assert in_the_app(phone)["declined_at"] is None
    assert not OptOut.objects.exists()


def test_a_contact_who_declines_gets_no_more_sos_and_the_person_is_told(
    ana: User, phone: APIClient, pressed: str, token: str
) -> None:
    answer = choose(token, "decline")
    assert (answer.status_code, answer["Location"]) == (303, f"/a/{token}/contact")
    assert "You are no longer an emergency contact of Ana Asanova." in shown(token)
    assert in_the_app(phone)["declined_at"] is not None
    assert told(ana) == ["Aida (+996700100000) no longer wants to be your emergency contact. Add somebody else."]
    end(phone, pressed)
    assert press(phone) == ["+996700100001"]


def test_declining_twice_is_told_once(ana: User, phone: APIClient, token: str) -> None:
    choose(token, "decline")
    first = in_the_app(phone)["declined_at"]
    choose(token, "decline")
    assert in_the_app(phone)["declined_at"] == first
    assert len(told(ana)) == 1


def test_a_contact_who_changes_their_mind_is_a_contact_again(phone: APIClient, pressed: str, token: str) -> None:
    choose(token, "decline")
    choose(token, "accept")
    assert in_the_app(phone)["declined_at"] is None
    end(phone, pressed)
    assert len(press(phone)) == 2


def test_when_all_have_declined_the_answer_says_that_nobody_was_told(
    phone: APIClient, pressed: str, token: str
) -> None:
    EmergencyContact.objects.update(declined_at=clock.now())
    end(phone, pressed)
    assert phone.post(URL, {}, format="json").data["reach"]["contacts"] == 0


def test_a_contact_with_a_new_number_has_not_declined(phone: APIClient, token: str) -> None:
    choose(token, "decline")
    contact = in_the_app(phone)
    address = f"/api/v1/me/contacts/{contact['id']}/"
    assert phone.patch(address, {"name": "Aida B"}, format="json").json()["declined_at"] is not None
    assert phone.patch(address, {"phone_number": "+996700100009"}, format="json").json()["declined_at"] is None


def test_a_contact_taken_off_the_list_is_told_so(ana: User, phone: APIClient, token: str) -> None:
    phone.delete(f"/api/v1/me/contacts/{in_the_app(phone)['id']}/")
    before = told(ana)
    assert "Ana Asanova has taken you off the list of contacts." in shown(token)
    assert choose(token, "decline").status_code == 303
    assert told(ana) == before == ["AlertMe: Aida (+996700100000) is no longer your contact."]


def test_a_contact_may_choose_to_get_nothing_but_an_sos(phone: APIClient, pressed: str, token: str) -> None:
    choose(token, "only_sos")
    assert "You get only an SOS" in shown(token)
    assert in_the_app(phone)["refuses_sms"] is True
    safety = outgoing.Outgoing(address=AIDA, text="hello", message_class=MessageClass.SAFETY)
    with transaction.atomic():
        (message,) = outgoing.queue([safety], now=clock.now())
    assert (message.state, message.error_code) == (State.FAILED, "opted_out")
    end(phone, pressed)
    assert press(phone) == [AIDA, "+996700100001"]
    choose(token, "all_sms")
    assert in_the_app(phone)["refuses_sms"] is False


def test_an_accepted_sos_does_not_undo_the_choice(token: str) -> None:
    choose(token, "only_sos")
    optouts.taken([AIDA])
    assert optouts.refusing([AIDA]) == {AIDA}
    optouts.take_word(AIDA, "START", now=clock.now())
    assert optouts.refusing([AIDA]) == set()


def test_the_choice_outlives_an_earlier_refusal_at_the_provider(token: str) -> None:
    optouts.refused(AIDA, now=clock.now())
    choose(token, "only_sos")
    optouts.taken([AIDA])
    assert optouts.refusing([AIDA]) == {AIDA}


@pytest.mark.parametrize(
    "body", [{}, {"choice": "x"}, {"choice": "DECLINE"}, {"choice": ["decline\0"]}, {"c": "é" * 900}]
)
def test_garbage_chooses_nothing(phone: APIClient, token: str, body: dict[str, Any]) -> None:
    assert Client().post(f"/a/{token}/contact", body).status_code == 200
    assert in_the_app(phone)["declined_at"] is None


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/json", "text/plain", ""])
def test_a_body_that_is_no_form_causes_no_server_error(token: str, content_type: str) -> None:
    answer = Client().post(f"/a/{token}/contact", b"\xff\x00--{", content_type=content_type)
    assert answer.status_code in (200, 400)
    assert Client().post(f"/a/{token}/contact", {"choice": "x" * 100_000}).status_code in (200, 400, 413)


@pytest.mark.parametrize("token", ["x" * 22, "x"])
def test_a_wrong_token_chooses_nothing(pressed: str, token: str) -> None:
    page, choice = Client().get(f"/a/{token}"), choose(token, "decline")
    assert (choice.status_code, choice.content) == (404, page.content)
    assert not EmergencyContact.objects.exclude(declined_at=None).exists()


def test_a_link_cannot_flood_the_person_with_sms(ana: User, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    within_one_window(monkeypatch)
    for _ in range(PRESSES.times // 2):
        choose(token, "decline")
        choose(token, "accept")
    refused = choose(token, "decline")
    assert refused.status_code == 429
    assert refused["Retry-After"]
    assert Client().get(f"/a/{token}").status_code == 200
    # Texts within a moment become one text, of three segments at most.
    assert len(told(ana)) < PRESSES.times // 2


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
@pytest.mark.parametrize("name", ["Aida", "Константин-Александр Өскөнбаев", "👩‍👩‍👧‍👦" * 9])
def test_what_the_person_is_told_takes_one_segment(language: str, name: str) -> None:
    assert count_segments(texts.contact_declined(name, AIDA, language=language)) == 1


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_every_state_of_the_page_is_translated(token: str, contacts: Contacts, language: str) -> None:
    for choice in ("only_sos", "decline"):
        choose(token, choice)
        page = shown(token, language)
        for english in ("Messages", "contact of", "You ", "Send me", "Fewer", "I am", "Back to"):
            assert english not in page


def test_a_message_in_flight_is_not_taken_back(phone: APIClient, pressed: str, token: str) -> None:
    drive(messages(pressed)[0], State.DELIVERED)
    choose(token, "decline")
    assert messages(pressed)[0].state == State.DELIVERED
    assert Client().get(f"/a/{token}").status_code == 200
