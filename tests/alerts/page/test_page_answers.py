"""A contact answers on the page: the person and the other contacts learn of it, once, whatever races."""

from functools import partial
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from alerts.models import AlertEvent, Answer, Notification, NotificationKind, SosAlert
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import MessageClass
from tests.alerts.engine import messages, text_of, token_in
from tests.alerts.sos.twins import make_twins
from tests.race import at_once

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


def answer(token: str, given: str, lang: str = "") -> Any:
    return Client(enforce_csrf_checks=True).post(f"/a/{token}/answer{lang}", {"answer": given})


def page(token: str) -> str:
    return Client().get(f"/a/{token}").content.decode()


def events() -> list[str]:
    return list(AlertEvent.objects.exclude(kind="raised").order_by("id").values_list("kind", flat=True))


def test_everyone_learns_who_is_on_the_way(phone: APIClient, pressed: str, tokens: list[str]) -> None:
    aida, bek = tokens
    assert "Nobody is on the way yet." in page(bek)
    given = answer(aida, "acknowledged")
    assert (given.status_code, given["Location"]) == (303, f"/a/{aida}")
    assert "You said: I am on my way." in page(aida)
    assert "On the way: Aida" in page(bek)
    (told,) = messages(pressed, NotificationKind.RESPONDER)
    assert (told.address, text_of(told)) == ("+996700100001", "Aida is on the way to Ana (+996555123456).")
    assert told.message_class == MessageClass.SAFETY
    shown = phone.get(f"{URL}{pressed}/").data
    assert [contact["answer"] for contact in shown["contacts"]] == ["acknowledged", None]
    assert shown["reach"]["summary"] == "Aida is on the way; 0 of 2 delivered; 2 on their way"
    event = AlertEvent.objects.get(kind="acknowledged")
    assert (event.by, event.data) == (f"contact:{shown['contacts'][0]['contact_id']}", {"via": "page"})


def test_looking_answers_nothing(tokens: list[str]) -> None:
    for path in ("", "/live", "/answer", "/answer?answer=acknowledged"):
        Client().get(f"/a/{tokens[0]}{path}")
        Client().head(f"/a/{tokens[0]}{path}")
    assert Client().get(f"/a/{tokens[0]}/answer").status_code == 405
    assert not Answer.objects.exists()


def test_the_same_answer_again_changes_nothing(pressed: str, tokens: list[str]) -> None:
    for _ in range(3):
        answer(tokens[0], "acknowledged")
    assert Answer.objects.count() == 1
    assert len(messages(pressed, NotificationKind.RESPONDER)) == 1
    assert events() == ["acknowledged"]


def test_a_second_contact_on_the_way_is_shown_and_texted_to_nobody(pressed: str, tokens: list[str]) -> None:
    aida, bek = tokens
    answer(aida, "acknowledged")
    answer(bek, "acknowledged")
    assert "On the way: Bek" in page(aida)
    assert len(messages(pressed, NotificationKind.RESPONDER)) == 1


def test_a_contact_may_withdraw_an_answer(phone: APIClient, pressed: str, tokens: list[str]) -> None:
    aida, bek = tokens
    answer(aida, "acknowledged")
    answer(aida, "declined")
    assert "You said: I can&#x27;t." in page(aida) or "You said: I can't." in page(aida)
    assert "Nobody is on the way yet." in page(bek)
    assert phone.get(f"{URL}{pressed}/").data["contacts"][0]["answer"] == "declined"
    assert events() == ["acknowledged", "declined"]


def test_the_others_are_not_told_who_cannot_come(pressed: str, tokens: list[str]) -> None:
    answer(tokens[0], "declined")
    assert messages(pressed, NotificationKind.RESPONDER) == []
    assert events() == ["declined"]


def test_an_ended_alert_takes_no_answer(phone: APIClient, pressed: str, tokens: list[str]) -> None:
    phone.post(f"{URL}{pressed}/resolve/")
    assert answer(tokens[0], "acknowledged").status_code == 303
    assert not Answer.objects.exists()
    assert 'name="answer"' not in page(tokens[0])


def test_the_chosen_language_stays(tokens: list[str]) -> None:
    assert answer(tokens[0], "acknowledged", "?lang=ru")["Location"] == f"/a/{tokens[0]}?lang=ru"


@pytest.mark.parametrize("given", ["", "x", "ACKNOWLEDGED", "acknowledged\0", "é" * 500])
def test_garbage_is_no_answer(tokens: list[str], given: str) -> None:
    assert answer(tokens[0], given).status_code == 303
    assert not Answer.objects.exists()


def test_a_wrong_token_answers_nothing(pressed: str) -> None:
    assert answer("x" * 22, "acknowledged").status_code == 404
    assert not Answer.objects.exists()


def test_a_contact_who_declines_cannot_be_on_the_way(tokens: list[str]) -> None:
    Client().post(f"/a/{tokens[0]}/contact", {"choice": "decline"})
    assert Answer.objects.get().kind == "declined"


def test_a_poll_sees_an_answer(tokens: list[str]) -> None:
    before = Client().get(f"/a/{tokens[1]}/live")
    answer(tokens[0], "acknowledged")
    assert Client().get(f"/a/{tokens[1]}/live", headers={"If-None-Match": before["ETag"]}).status_code == 200


def test_under_duress_the_owners_devices_learn_of_no_answer() -> None:
    twins = make_twins("Aida", "Bek")
    for twin in twins:
        twin.press()
        aida, bek = (token_in(message) for message in twin.messages())
        answer(aida, "acknowledged")
        twin.end()
        answer(bek, "acknowledged")
    for twin in twins:
        shown = twin.get().data
        assert [contact["answer"] for contact in shown["contacts"]] == ["acknowledged", None]
        assert shown["reach"]["summary"].startswith("Aida is on the way; ")
        assert "Bek" not in shown["reach"]["summary"].split(";")[0]
    assert Answer.objects.filter(alert__id=twins[1].alert).count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_once_one_is_told_to_the_others(ana: User, phone: APIClient) -> None:
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=ana, name=name, phone_number=f"+99670010000{n}", language="en", order=n)
        for n, name in enumerate(("Aida", "Bek", "Cholpon"))
    )
    alert = phone.post(URL, {}, format="json").data["id"]
    tokens = [token_in(message) for message in messages(alert)]
    given = at_once(partial(answer, tokens[0], "acknowledged"), partial(answer, tokens[1], "acknowledged"))
    assert [each.status_code for each in given] == [303, 303]
    told = Notification.objects.filter(alert=alert, kind=NotificationKind.RESPONDER).select_related("message")
    assert len(told) == 2
    assert len({text_of(each.message) for each in told}) == 1
    assert Answer.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_meets_the_end_comes_before_it_or_is_refused(ana: User, phone: APIClient) -> None:
    EmergencyContact.objects.create(user=ana, name="Aida", phone_number="+996700100000", language="en", order=0)
    for _ in range(4):
        alert = phone.post(URL, {}, format="json").data["id"]
        token = token_in(messages(alert)[0])
        given, ended = at_once(
            partial(answer, token, "acknowledged"), partial(phone.post, f"{URL}{alert}/resolve/", {}, format="json")
        )
        assert (given.status_code, ended.status_code) == (303, 200)
        row = SosAlert.objects.get(id=alert)
        assert row.ended_at is not None
        assert row.ended_at <= clock.now()
        assert all(each.at <= row.ended_at for each in row.answers.all())
