"""Pressing SOS: one alert, one message per contact, whatever the client sends."""

import json
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.models import AlertEvent, AlertStatus, Notification, SosAlert
from alerts.sos.raising import Cause, raise_alerts
from identity.models import User
from messaging import policy
from messaging.database import clock
from messaging.models import Message, MessageClass
from messaging.outbox import outgoing
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import link_in, messages, text_of

URL = "/api/v1/sos-alerts/"
HERE = {"latitude": 42.8746, "longitude": 74.5698, "address": "Chüy 1"}

pytestmark = pytest.mark.django_db


def press(phone: APIClient, body: Any = None, **headers: str) -> Any:
    return phone.post(URL, HERE if body is None else body, format="json", headers=headers)


def test_every_contact_gets_an_emergency_in_their_place(phone: APIClient, contacts: Contacts) -> None:
    aida, bek = contacts("Aida", "Bek")
    answer = press(phone)
    assert answer.status_code == 201
    assert answer.data["status"] == "active"
    first, second = messages(answer.data["id"])
    assert [first.address, second.address] == [str(aida.phone_number), str(bek.phone_number)]
    assert [first.rank, second.rank] == [0, 1]
    assert {first.message_class, second.message_class} == {MessageClass.EMERGENCY}
    assert text_of(first) == f"SOS! Ana Asanova needs help: {link_in(first)} Call +996555123456"
    assert link_in(first) != link_in(second)


def test_each_contact_reads_their_own_language(phone: APIClient, ana: User, contacts: Contacts) -> None:
    type(ana).objects.update(first_name="", last_name="")
    ana.refresh_from_db()
    for name, language in (("Aida", "ky"), ("Boris", "ru"), ("Cyril", "en")):
        contacts(name, language=language)
    told = messages(app(ana).post(URL, {}, format="json").data["id"])
    assert [text_of(message).replace(link_in(message), "LINK") for message in told] == [
        "SOS! +996555123456 LINK",
        "SOS! +996555123456 LINK",
        "SOS! Someone needs help: LINK Call +996555123456",
    ]


def test_gaps_in_the_order_do_not_delay_the_first_contact(phone: APIClient, contacts: Contacts) -> None:
    contacts("Gone", "Aida")[0].delete()
    assert [message.rank for message in messages(press(phone).data["id"])] == [0]


def test_the_answer_has_the_truth_at_once(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    body = press(phone).json()
    assert set(body) == {
        *("id", "status", "kind", "latitude", "longitude", "address", "created_at", "updated_at", "ended_at"),
        *("is_drill", "contacts", "reach", "warnings"),
    }
    (told,) = body["contacts"]
    sms = {
        "status": "queued",
        "reason": None,
        "detail": None,
        "updated_at": body["created_at"],
        "delivered_at": None,
    }
    assert told == {
        "contact_id": str(aida.id),
        "name": "Aida",
        "phone_number": "+996700100000",
        **sms,
        "tries": [{"channel": "sms", **sms}],
        "answer": None,
    }
    assert body["reach"] == {
        "contacts": 1,
        "can_be_reached": 1,
        "delivered": 0,
        "failed": 0,
        "summary": "0 of 1 delivered; 1 on its way",
    }


def test_without_contacts_the_answer_says_that_nobody_was_told(phone: APIClient) -> None:
    answer = press(phone)
    assert answer.status_code == 201
    assert answer.data["contacts"] == []
    assert answer.data["reach"] == {
        "contacts": 0,
        "can_be_reached": 0,
        "delivered": 0,
        "failed": 0,
        "summary": "Nobody was told: you have no emergency contact who may be asked now.",
    }


def test_an_open_alert_answers_the_next_press(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    first = press(phone)
    again = press(phone, {"latitude": 42.9, "longitude": 74.6})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.data["id"] == first.data["id"]
    assert (again.data["latitude"], again.data["longitude"]) == (42.9, 74.6)
    assert again.data["address"] == ""  # The first address belonged to the first position.
    assert Message.objects.count() == Notification.objects.count() == 2
    assert [event.kind for event in AlertEvent.objects.order_by("id")] == ["raised", "pressed_again"]


def test_a_press_without_a_position_keeps_the_known_one(phone: APIClient) -> None:
    first = press(phone)
    assert press(phone, {}).json() == first.json()
    renamed = press(phone, {"address": "Chüy 2"}).data
    assert (renamed["latitude"], renamed["address"]) == (42.8746, "Chüy 2")


def test_a_position_is_filled_in_later(phone: APIClient) -> None:
    assert press(phone, {}).data["latitude"] is None
    assert press(phone).data["latitude"] == 42.8746


def test_an_ended_alert_makes_room_for_a_new_one(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    first = press(phone).data["id"]
    phone.post(f"{URL}{first}/resolve/")
    second = press(phone)
    assert second.status_code == 201
    assert second.data["id"] != first
    assert len(messages(second.data["id"])) == 1


def test_the_database_keeps_one_open_alert_and_whole_positions(ana: User) -> None:
    now = clock.now()
    SosAlert.objects.create(owner=ana, created_at=now, updated_at=now)
    wrong: list[dict[str, Any]] = [
        {},
        {"status": AlertStatus.RESOLVED},
        {"ended_at": now},
        {"status": AlertStatus.RESOLVED, "ended_at": now, "latitude": 1.0},
        {"status": AlertStatus.RESOLVED, "ended_at": now, "latitude": float("nan"), "longitude": 1.0},
    ]
    for fields in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            SosAlert.objects.create(owner=ana, created_at=now, updated_at=now, **fields)


GARBAGE = [
    "[]",
    '"SOS"',
    "null",
    "7",
    "{}",
    '{"latitude": 1e999, "longitude": -1e999}',
    '{"latitude": "nan", "longitude": "inf"}',
    '{"latitude": 42.8}',
    '{"latitude": {"a": [1]}, "longitude": true}',
    f'{{"latitude": {10**300}, "longitude": 0}}',
    '{"address": "\\u0000\\ud800x"}',
    json.dumps({"address": "й" * 5_000}),
    '{"address": {"street": 1}, "owner": "00000000-0000-0000-0000-000000000000", "status": "resolved"}',
    '{"id": "x", "contacts": [], "warnings": 3}',
]


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_never_loses_the_sos(phone: APIClient, contacts: Contacts, body: str) -> None:
    contacts("Aida")
    answer = phone.post(URL, body, content_type="application/json")
    assert answer.status_code == 201
    assert answer.data["status"] == "active"
    (told,) = messages(answer.data["id"])
    assert text_of(told) == f"SOS! Ana Asanova needs help: {link_in(told)} Call +996555123456"


def test_an_empty_body_is_an_sos(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    assert phone.post(URL).status_code == 201


def test_the_response_names_what_was_left_out(phone: APIClient) -> None:
    body = press(phone, {"latitude": 200, "longitude": 0, "address": "x" * 300}).data
    assert [warning.split(":")[0] for warning in body["warnings"]] == ["position_ignored", "address_shortened"]
    assert body["latitude"] is None
    assert body["address"] == "x" * 200


def test_a_repeated_request_is_one_alert(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    headers = {"Idempotency-Key": "press-1"}
    first = press(phone, **headers)
    again = press(phone, **headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert Message.objects.count() == 1
    other = press(phone, {"latitude": 1, "longitude": 1}, **headers)
    assert (other.status_code, other.data["id"], other.data["latitude"]) == (200, first.data["id"], 1)


def test_beyond_the_ceiling_the_person_sees_why(ana: User, phone: APIClient, contacts: Contacts) -> None:
    aida, _ = contacts("Aida", "Bek")
    earlier = outgoing.Outgoing(
        address=str(aida.phone_number),
        text="SOS",
        message_class=MessageClass.EMERGENCY,
        on_behalf_of=str(ana.id),
        despite_ceilings=True,
    )
    with transaction.atomic():
        outgoing.queue([earlier] * policy.MOST_DESPITE_CEILINGS, now=clock.now())
    body = press(phone).data
    told, second = body["contacts"]
    assert (told["status"], told["reason"]) == ("failed", "recipient_ceiling")
    assert told["detail"] == "Aida's number already got its emergency SMS of this hour"
    assert second["status"] == "queued"
    assert body["reach"]["can_be_reached"] == 1
    assert body["reach"]["summary"] == f"0 of 2 delivered; 1 on its way; {told['detail']}"


def test_a_country_that_is_not_allowed_is_said(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    type(aida).objects.filter(id=aida.id).update(phone_number="+447700900123")
    (told,) = press(phone).data["contacts"]
    assert (told["status"], told["reason"]) == ("failed", "country_not_allowed")


def test_fifty_contacts_cost_what_one_costs(phone: APIClient, contacts: Contacts) -> None:
    contacts("First")
    with CaptureQueriesContext(connection) as one:
        alert = press(phone).data["id"]
    phone.post(f"{URL}{alert}/resolve/")
    contacts(*(f"Contact {n}" for n in range(49)))
    with CaptureQueriesContext(connection) as fifty:
        body = press(phone).data
    assert body["reach"]["contacts"] == 50
    assert len(fifty) == len(one)
    statements = [q["sql"] for q in fifty if "SAVEPOINT" not in q["sql"]]
    # One of them asks whether contacts or a policy are hidden since a duress PIN.
    assert len(statements) <= 18, statements


def test_a_press_that_rolls_back_leaves_nothing(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    with transaction.atomic():
        raise_alerts([Cause(owner=ana)], now=clock.now())
        transaction.set_rollback(True)
    assert not SosAlert.objects.exists()
    assert not Message.objects.filter(state=State.QUEUED).exists()
