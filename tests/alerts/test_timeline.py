"""The timeline: every step in order, chained so that a change of what was seen before shows."""

import json
from hashlib import sha256
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from alerts.models import AlertEvent
from identity.models import User
from tests.alerts.conftest import app

pytestmark = pytest.mark.django_db


def timeline(phone: APIClient, alert: str, **headers: str) -> Any:
    return phone.get(f"/api/v1/sos-alerts/{alert}/timeline/", headers=headers)


def chain_of(entries: list[dict[str, Any]]) -> list[str]:
    """The hashes as a client computes them from what the schema says."""
    before, hashes = "0" * 64, []
    for entry in entries:
        said = {name: value for name, value in entry.items() if name != "hash"}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        before = sha256(f"{before}\n{text}".encode()).hexdigest()
        hashes.append(before)
    return hashes


def test_every_step_stands_in_the_chain(phone: APIClient, pressed: str) -> None:
    before = timeline(phone, pressed)
    phone.post("/api/v1/sos-alerts/", {}, format="json")
    phone.post(f"/api/v1/sos-alerts/{pressed}/resolve/")
    body = timeline(phone, pressed).json()
    assert [entry["kind"] for entry in body["entries"]] == ["raised", "pressed_again", "resolved"]
    assert [entry["seq"] for entry in body["entries"]] == [1, 2, 3]
    assert [entry["hash"] for entry in body["entries"]] == chain_of(body["entries"])
    assert body["head"] == body["entries"][-1]["hash"]
    assert body["entries"][0]["hash"] == before.json()["head"]


def test_a_step_taken_out_shows(phone: APIClient, pressed: str) -> None:
    phone.post("/api/v1/sos-alerts/", {}, format="json")
    phone.post(f"/api/v1/sos-alerts/{pressed}/resolve/")
    head = timeline(phone, pressed).json()["head"]
    AlertEvent.objects.get(kind="pressed_again").delete()
    assert timeline(phone, pressed).json()["head"] != head


@pytest.mark.parametrize("change", [{"by": "system"}, {"kind": "cancelled"}, {"data": {"a": 1}}])
def test_the_database_refuses_to_change_a_step(pressed: str, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertEvent.objects.update(**change)
    assert AlertEvent.objects.get().kind == "raised"


def test_nothing_changed_is_304(phone: APIClient, pressed: str) -> None:
    first = timeline(phone, pressed)
    assert timeline(phone, pressed, **{"If-None-Match": first["ETag"]}).status_code == 304
    phone.post(f"/api/v1/sos-alerts/{pressed}/resolve/")
    assert timeline(phone, pressed, **{"If-None-Match": first["ETag"]}).status_code == 200


def test_another_persons_timeline_is_none(stranger: User, pressed: str) -> None:
    assert timeline(app(stranger), pressed).status_code == 404
