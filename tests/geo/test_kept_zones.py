"""A zone that was removed or weakened with the duress PIN still tells contacts, and no device shows its events."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from geo.models import ZoneEvent
from identity.models import EmergencyContact, User
from identity.pins import even_timing
from messaging.database import clock
from tests.alerts.typed import DURESS_PIN, SAFE_PIN, set_pins
from tests.geo.stories import evaluate_all, events, leave, make_zone, texts, walk
from tests.geo.uploads import upload

pytestmark = pytest.mark.django_db
ZONES = "/api/v1/geozones/"


@pytest.fixture(autouse=True)
def _pins(ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    set_pins(ana)


CHANGES: list[dict[str, Any]] = [{"is_active": False}, {"notify_on_exit": False}, {"contact_ids": []}]


def left() -> list[str]:
    return [address for address, text in texts() if " left: " in text]


@pytest.mark.parametrize("pin", [SAFE_PIN, DURESS_PIN])
def test_a_removed_zone(phone: APIClient, aida: EmergencyContact, pin: str) -> None:
    zone = make_zone(phone)
    assert phone.delete(f"{ZONES}{zone['id']}/", headers={"X-Pin": pin}).status_code == 204
    leave(phone)
    assert left() == ([str(aida.phone_number)] if pin == DURESS_PIN else [])
    assert events() == []
    assert phone.get(f"{ZONES}{zone['id']}/events/").status_code == 404
    assert ZoneEvent.every.count() == (pin == DURESS_PIN)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("pin", [SAFE_PIN, DURESS_PIN])
def test_a_weakened_zone(phone: APIClient, aida: EmergencyContact, pin: str, change: dict[str, Any]) -> None:
    """The presence in the zone is kept too: the next fixes outside are an event at once."""
    zone = make_zone(phone)
    upload(phone, walk(*[0] * 6, until=clock.now() - timedelta(minutes=3)))
    evaluate_all()
    assert phone.patch(f"{ZONES}{zone['id']}/", change | {"pin": pin}, format="json").status_code == 200
    leave(phone)
    assert left() == ([str(aida.phone_number)] if pin == DURESS_PIN else [])
    shown = phone.get(f"{ZONES}{zone['id']}/").data
    assert (shown["presence"]["state"], shown["presence"]["as_of"] is None) == (
        ("unknown", True) if "is_active" in change else ("outside", False)
    )
    assert [told for _, told in events()] == ([] if "is_active" in change else [events()[0][1]])


def test_a_hidden_contact_is_told_and_not_counted(phone: APIClient, aida: EmergencyContact) -> None:
    zone = make_zone(phone)
    url = f"/api/v1/me/contacts/{aida.id}/"
    assert phone.delete(url, headers={"X-Pin": DURESS_PIN}).status_code == 204
    leave(phone)
    assert left() == [str(aida.phone_number)]
    [event] = phone.get(f"{ZONES}{zone['id']}/events/").data["results"]
    assert (event["told"], event["contacts_told"]) == ("no_contacts", 0)
