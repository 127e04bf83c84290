"""A drill goes the whole way, marked TEST, and stands in the way of no SOS."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from alerts.escalation import answers, steps
from alerts.models import AlertStatus, EscalationStep, NotificationKind, SosAlert, Via
from alerts.sos import drills
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message, MessageClass, OperatorAlarm
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import all_clears, drive, messages, text_of, token_in
from tests.race import at_once

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


def press(phone: APIClient, **body: Any) -> Any:
    return phone.post(URL, {"latitude": 42.8746, "longitude": 74.5698} | body, format="json")


def drill(phone: APIClient) -> Any:
    return press(phone, drill=True)


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
def test_contacts_read_test_and_nobody_is_called(phone: APIClient, contacts: Contacts, language: str) -> None:
    contacts("Aida", "Bek", language=language)
    answer = drill(phone)
    assert (answer.status_code, answer.data["is_drill"], answer.data["reach"]["contacts"]) == (201, True, 2)
    for message in messages(answer.data["id"]):
        text = text_of(message)
        assert message.message_class == MessageClass.SAFETY
        assert ("TEST" if language == "en" else "ТЕСТ") in text or "TEST! " in text
        assert "SOS" not in text
        assert "Ana" in text
        assert message.segments == 1
    assert not EscalationStep.objects.exists()
    steps.take_steps(now=clock.now() + timedelta(hours=1))
    assert Message.objects.count() == 2
    assert not OperatorAlarm.objects.exists()


def test_the_page_says_that_it_is_a_test(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    token = token_in(messages(drill(phone).data["id"])[0])
    page = Client().get(f"/a/{token}").content.decode()
    assert "TEST: Ana Asanova tries out AlertMe. Nobody needs help." in page
    assert "needs help</h1>" not in page
    assert 'id="emergency"' not in page


@pytest.mark.parametrize("wrong", ["true", 1, "yes", [], {"a": 1}, 0, ""])
def test_in_doubt_it_is_a_real_sos(phone: APIClient, contacts: Contacts, wrong: Any) -> None:
    contacts("Aida")
    answer = press(phone, drill=wrong)
    assert (answer.status_code, answer.data["is_drill"]) == (201, False)
    assert [warning.split(":")[0] for warning in answer.data["warnings"]] == ["drill_ignored"]
    assert messages(answer.data["id"])[0].message_class == MessageClass.EMERGENCY


def test_a_real_press_during_a_drill_is_a_real_alert(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    tried = drill(phone).data["id"]
    drive(messages(tried)[0], State.DELIVERED)
    answer = press(phone)
    assert (answer.status_code, answer.data["is_drill"]) == (201, False)
    assert {message.message_class for message in messages(answer.data["id"])} == {MessageClass.EMERGENCY}
    assert [message.state for message in messages(tried)] == [State.DELIVERED, State.CANCELLED]
    assert all_clears(tried) == []
    ended = SosAlert.objects.get(id=tried)
    assert (ended.status, ended.events.latest("id").kind) == (AlertStatus.CANCELLED, "gave_way")
    assert press(phone).data["id"] == answer.data["id"]


@pytest.mark.parametrize("drill_is_first", [True, False])
@pytest.mark.parametrize("ends_by", ["press", "resolve"])
def test_a_cancelled_drill_cancels_no_other_all_clear(
    drill_is_first: bool, ends_by: str, phone: APIClient, stranger: User, contacts: Contacts
) -> None:
    [aida] = contacts("Aida")
    EmergencyContact.objects.create(
        user=stranger, name="Aida", phone_number=aida.phone_number, language=aida.language, order=0
    )
    strangers = app(stranger)
    sos = press(strangers).data["id"]
    drive(messages(sos)[0], State.DELIVERED)
    tried = drill(phone).data["id"] if drill_is_first else ""
    strangers.post(f"{URL}{sos}/resolve/")
    tried = tried or drill(phone).data["id"]
    if ends_by == "press":
        press(phone)
    else:
        phone.post(f"{URL}{tried}/resolve/")
    [test], [over] = messages(tried), all_clears(sos)
    assert (test.state, over.state) == (State.CANCELLED, State.QUEUED)
    assert "Stranger" in text_of(over)
    assert "TEST" not in text_of(over)


def test_no_drill_during_an_sos(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    press(phone)
    answer = drill(phone)
    assert (answer.status_code, answer.json()["code"]) == (409, "sos_is_open")
    assert SosAlert.objects.count() == 1


def test_pressing_again_finds_the_open_drill_and_a_day_has_five(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    first = drill(phone)
    assert (drill(phone).status_code, drill(phone).data["id"]) == (200, first.data["id"])
    for _ in range(4):
        phone.post(f"{URL}{drill(phone).data['id']}/resolve/")
    phone.post(f"{URL}{drill(phone).data['id']}/resolve/")
    answer = drill(phone)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert press(phone).status_code == 201


def test_it_ends_by_itself_and_says_so(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    tried = drill(phone).data["id"]
    drive(messages(tried)[0], State.DELIVERED)
    assert drills.end_old(now=clock.now()) == 0
    SosAlert.objects.filter(id=tried).update(created_at=clock.now() - drills.LASTS)
    assert drills.end_old(now=clock.now()) == 1
    assert SosAlert.objects.get(id=tried).status == AlertStatus.RESOLVED
    [over] = all_clears(tried)
    assert text_of(over) == "The TEST of Ana Asanova (+996555123456) is over. There is nothing to do."
    assert drills.end_old(now=clock.now()) == 0


def test_an_sos_never_ends_by_itself(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    alert = press(phone).data["id"]
    SosAlert.objects.filter(id=alert).update(created_at=clock.now() - timedelta(days=1))
    assert drills.end_old(now=clock.now()) == 0
    assert SosAlert.objects.get(id=alert).status == AlertStatus.ACTIVE


def test_the_report_says_what_arrived_how_fast_and_what_did_not(phone: APIClient, contacts: Contacts) -> None:
    aida, bek = contacts("Aida", "Bek")
    tried = drill(phone).data["id"]
    first, second = messages(tried)
    drive(first, State.DELIVERED)
    drive(second, State.FAILED, code="21610")
    answers.acknowledge(alert_id=SosAlert.objects.get().id, contact_id=aida.id, via=Via.PAGE, now=clock.now())
    assert Message.objects.count() == 2  # In a drill nobody is texted that a contact is on the way.
    report = phone.get(f"{URL}{tried}/drill-report/").json()
    delivered, refused = report["contacts"]
    assert (delivered["channel"], delivered["status"], delivered["answer"]) == ("sms", "delivered", "acknowledged")
    assert 0 <= delivered["accepted_after_s"] <= delivered["delivered_after_s"] < 60
    assert (refused["status"], refused["reason"]) == ("failed", "refuses_sms")
    assert refused["detail"] == "Bek's number refuses SMS"
    assert (refused["accepted_after_s"], refused["delivered_after_s"]) == (None, None)
    assert report["status"] == "active"
    assert bek.name in report["summary"]


def test_only_a_persons_own_drill_has_a_report(phone: APIClient, stranger: User, contacts: Contacts) -> None:
    contacts("Aida")
    tried = drill(phone).data["id"]
    assert app(stranger).get(f"{URL}{tried}/drill-report/").status_code == 404
    real = press(phone).data["id"]
    assert phone.get(f"{URL}{real}/drill-report/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_drill_and_an_sos_at_once_leave_the_sos(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    for _ in range(4):
        real, tried = at_once(partial(press, app(ana)), partial(drill, app(ana)))
        assert real.status_code == 201
        assert tried.status_code in (201, 409)
        assert SosAlert.objects.get(id=real.data["id"]).status == AlertStatus.ACTIVE
        [sos] = messages(real.data["id"], NotificationKind.SOS)
        assert (sos.state, sos.message_class) == (State.QUEUED, MessageClass.EMERGENCY)
        for alert in SosAlert.objects.filter(status=AlertStatus.ACTIVE):
            app(ana).post(f"{URL}{alert.id}/resolve/")
