"""The timeline: every step and the state of each SMS, in order, chained so that a change of a seen entry shows."""

import json
from hashlib import sha256
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from rest_framework.test import APIClient

from alerts.models import AlertEvent, SosAlert, TimelineSeal
from identity.models import User
from messaging.models import OperatorAlarm
from messaging.states import State
from tests.alerts.conftest import app
from tests.alerts.engine import drive, messages
from tests.alerts.timeline.tampering import tampering

pytestmark = pytest.mark.django_db


def timeline(phone: APIClient, alert: str, query: str = "", **headers: str) -> Any:
    return phone.get(f"/api/v1/sos-alerts/{alert}/timeline/{query}", headers=headers)


def kinds(body: Any) -> list[str]:
    return [entry["kind"] for entry in body["entries"] if entry["kind"] != "message"]


def chain_of(entries: list[dict[str, Any]]) -> list[str]:
    """The hashes as a client computes them from the description in the schema."""
    before, hashes = "0" * 64, []
    for entry in entries:
        said = {name: value for name, value in entry.items() if name != "hash"}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        before = sha256(f"{before}\n{text}".encode()).hexdigest()
        hashes.append(before)
    return hashes


def test_every_step_stands_in_the_chain(phone: APIClient, pressed: str) -> None:
    before = timeline(phone, pressed).json()
    phone.post("/api/v1/sos-alerts/", {}, format="json")
    phone.post(f"/api/v1/sos-alerts/{pressed}/resolve/")
    body = timeline(phone, pressed).json()
    assert kinds(body) == ["raised", "pressed_again", "resolved"]
    assert [entry["seq"] for entry in body["entries"]] == list(range(1, len(body["entries"]) + 1))
    assert [entry["hash"] for entry in body["entries"]] == chain_of(body["entries"])
    assert body["head"] == body["entries"][-1]["hash"]
    assert body["entries"][: len(before["entries"])] == before["entries"]
    assert body["next"] is None


def test_what_became_of_each_sms(phone: APIClient, pressed: str, ana: User) -> None:
    told, refused = messages(pressed)
    drive(told, State.DELIVERED)
    drive(refused, State.FAILED, code="21211")
    body = timeline(phone, pressed).json()
    aida, bek = (str(contact.id) for contact in ana.contacts.order_by("order"))
    said = [entry["data"] for entry in body["entries"] if entry["kind"] == "message"]
    assert [(each["contacts"], each["state"], each["code"]) for each in said] == [
        ([aida], "queued", ""),
        ([bek], "queued", ""),
        ([aida], "accepted", ""),
        ([aida], "delivered", ""),
        ([bek], "failed", "21211"),
    ]
    assert {(each["about"], each["channel"], each["round"]) for each in said} == {("sos", "sms", 0)}
    assert "+996" not in json.dumps(body)
    phone.post(f"/api/v1/sos-alerts/{pressed}/resolve/")
    assert timeline(phone, pressed).json()["entries"][: len(body["entries"])] == body["entries"]


@pytest.mark.parametrize("page_size", [1, 2, 3, 500])
def test_pages_are_the_whole(phone: APIClient, pressed: str, page_size: int) -> None:
    for message in messages(pressed):
        drive(message, State.DELIVERED)
    whole = timeline(phone, pressed).json()
    page = timeline(phone, pressed, f"?page_size={page_size}").json()
    entries = page["entries"]
    while page["next"]:
        assert len(page["entries"]) == page_size
        page = phone.get(page["next"]).json()
        entries += page["entries"]
    assert entries == whole["entries"]
    assert page["head"] == whole["head"]
    assert timeline(phone, pressed, "?cursor=9999").json()["entries"] == []


@pytest.mark.parametrize("query", ["?cursor=-1", "?cursor=x", "?cursor=99999999999", "?page_size=0", "?page_size=501"])
def test_an_invalid_page_is_refused(phone: APIClient, pressed: str, query: str) -> None:
    assert timeline(phone, pressed, query).status_code == 400


CHANGES: list[dict[str, Any]] = [
    {"by": "system"},
    {"kind": "cancelled"},
    {"data": {"a": 1}},
    {"hash": "0" * 64},
    {"seq": 9},
    {"message_event_id": 9},
    {"seq": None, "hash": ""},
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_database_refuses_to_change_a_step(phone: APIClient, pressed: str, change: dict[str, Any]) -> None:
    timeline(phone, pressed)
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertEvent.objects.filter(kind="raised").update(**change)
    assert AlertEvent.objects.filter(kind="raised", by="owner", seq=1).exists()


@pytest.mark.parametrize("change", [change for change in CHANGES if not {"seq", "hash"} & set(change)])
def test_the_database_refuses_to_change_an_unsealed_step(pressed: str, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertEvent.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertEvent.objects.update(**({"seq": 1, "hash": "0" * 64} | change))


def _delete_at_once(rows: Any) -> None:
    """Delete the rows and check the constraints now, as a commit would."""
    rows.delete()
    connection.check_constraints()


def test_steps_go_only_with_their_alert(phone: APIClient, pressed: str) -> None:
    timeline(phone, pressed)
    for rows in (AlertEvent.objects.filter(kind="message"), TimelineSeal.objects.all()):
        with pytest.raises(IntegrityError), transaction.atomic():
            _delete_at_once(rows)
    SosAlert.objects.all().delete()
    connection.check_constraints()
    assert not AlertEvent.objects.exists()


@pytest.mark.parametrize("what", ["changed", "deleted", "the last deleted"])
def test_tampering_shows(phone: APIClient, pressed: str, what: str) -> None:
    phone.post("/api/v1/sos-alerts/", {}, format="json")
    head = timeline(phone, pressed).json()["head"]
    assert not OperatorAlarm.objects.exists()
    call_command("checktimelines", stdout=StringIO())
    steps = AlertEvent.objects.order_by("-seq")
    with tampering():
        if what == "changed":
            steps.filter(seq=2).update(data={"state": "delivered"})
        else:
            steps.get(seq=steps[0].seq if what == "the last deleted" else 2).delete()
    body = timeline(phone, pressed).json()
    with pytest.raises(CommandError, match="1 of 1 timelines were altered"):
        call_command("checktimelines", stdout=StringIO())
    place = {"changed": 2, "deleted": 2, "the last deleted": len(body["entries"]) + 1}[what]
    assert OperatorAlarm.objects.get(code="timeline_altered").detail == {"alert_id": pressed, "entry": place}
    if what == "the last deleted":
        assert body["head"] != head
    else:
        assert [entry["hash"] for entry in body["entries"]] != chain_of(body["entries"])


def test_nothing_changed_is_304(phone: APIClient, pressed: str) -> None:
    first = timeline(phone, pressed)
    assert timeline(phone, pressed, **{"If-None-Match": first["ETag"]}).status_code == 304
    phone.post(f"/api/v1/sos-alerts/{pressed}/resolve/")
    assert timeline(phone, pressed, **{"If-None-Match": first["ETag"]}).status_code == 200


def test_another_persons_timeline_is_not_found(stranger: User, pressed: str) -> None:
    assert timeline(app(stranger), pressed).status_code == 404
    assert not AlertEvent.objects.filter(alert_id=UUID(pressed), seq__isnull=False).exists()
