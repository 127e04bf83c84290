"""Two people who own everything that somebody with their phone may weaken, and the requests that weaken it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.db.models import F

from alerts.models import ActivityTimer
from identity.models import Session
from identity.pins import even_timing
from messaging.database import clock
from tests.alerts.sos.twins import Twin, make_twins

Twins = tuple[Twin, Twin]
API = "/api/v1/"
PLACE = {"latitude": 42.9, "longitude": 74.6}
HOME = {"name": "Home", "radius": 200} | PLACE


class Asked(NamedTuple):
    """A request that weakens, with a body that does."""

    name: str
    body: dict[str, Any]

    @property
    def method(self) -> str:
        return self.name.split(" ")[0]

    @property
    def path(self) -> str:
        return self.name.split(" ")[1]


WEAKENING = [
    Asked("post timers/{timer_id}/cancel/", {}),
    Asked("post timers/{timer_id}/complete/", {}),
    Asked("post timers/{timer_id}/extend/", {"duration_s": 86_400}),
    Asked("post timers/{timer_id}/check-in/", {}),
    Asked("patch me/contacts/{contact_id}/", {"phone_number": "+996700123123"}),
    Asked("delete me/contacts/{contact_id}/", {}),
    Asked("put me/contacts/order/", {"ids": "reversed"}),
    Asked("delete me/devices/{device_id}/", {}),
    Asked(
        "put me/escalation-policy/",
        {"waves": [{"channel": "sms", "wait_s": 600, "contacts": []}], "give_up_after_s": 1800},
    ),
    Asked("delete me/escalation-policy/", {}),
    Asked("patch geozones/{zone_id}/", {"is_active": False}),
    Asked("delete geozones/{zone_id}/", {}),
    Asked("post blueprints/{blueprint_id}/apply/", {}),
    Asked("patch me/", {"email": "coercer@example.com"}),
]
NAMES = [each.name for each in WEAKENING]


def belonging_twins(monkeypatch: pytest.MonkeyPatch) -> Twins:
    """Two people with contacts, an old timer, a device, a policy, a zone and a blueprint; PINs that take no time."""
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    twins = make_twins("Aida", "Bek", "Cholpon")
    for twin in twins:
        twin.ids |= _belongings(twin)
    ActivityTimer.objects.update(created_at=F("created_at") - timedelta(hours=3))
    return twins


def _belongings(twin: Twin) -> dict[str, str]:
    twin.user.session = Session.objects.create(
        user=twin.user,
        rotated_at=clock.now(),
        expires_at=clock.now() + timedelta(days=1),
        authenticated_at=clock.now(),
    )
    device = _post(twin, "me/devices/", {"name": "watch", "platform": "other"})
    twin.ids["credential"] = device["credential"]
    waves: list[Any] = [{"channel": channel, "wait_s": 5, "contacts": []} for channel in ("voice", "sms", "voice")]
    policy = {"waves": waves, "give_up_after_s": 30}  # Stricter than the default: it needs no PIN.
    assert twin.phone.put(f"{API}me/escalation-policy/", policy, format="json").status_code == 200
    return {
        "timer_id": _post(twin, "timers/", {"duration_s": 3600, "note": "hills", "grace_s": 0})["id"],
        "contact_id": str(twin.user.contacts.get(order=1).id),
        "device_id": device["device"]["id"],
        "zone_id": _post(twin, "geozones/", HOME)["id"],
        "blueprint_id": _post(twin, "blueprints/", {"name": "None", "zones": []})["id"],
        "alert_id": str(UUID(int=9)),
        "session_id": str(UUID(int=9)),
        "upload_id": str(UUID(int=9)),
    }


def _post(twin: Twin, path: str, body: dict[str, Any]) -> Any:
    answer = twin.phone.post(f"{API}{path}", body, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def ask(twin: Twin, asked: Asked, pin: str | None = None) -> Any:
    send: Callable[..., Any] = getattr(twin.phone, asked.method)
    ids = [str(contact.id) for contact in twin.user.contacts.all()]
    body = {"ids": ids[::-1]} if "ids" in asked.body else dict(asked.body)
    if pin and asked.method == "delete":
        return send(_path(twin, asked.path), headers={"X-Pin": pin})
    return send(_path(twin, asked.path), body | ({"pin": pin} if pin else {}), format="json")


def _path(twin: Twin, path: str) -> str:
    for name, value in twin.ids.items():
        path = path.replace(f"{{{name}}}", value)
    return f"{API}{path}".replace(f"{API}{API}", API)
