"""Under duress every endpoint answers the owner's devices as for a cancelled alert: the test walks the whole schema."""

from functools import partial
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from alerts.escalation import steps
from alerts.escalation.answers import acknowledge
from alerts.models import EscalationStep, Via
from alerts.owner import even_timing
from messaging.database import clock
from messaging.models import Message
from messaging.states import State
from tests.alerts.engine import drive
from tests.alerts.sos.twins import Twin, alike, make_twins

PLACE = {"latitude": 42.9, "longitude": 74.6}
BODIES: list[dict[str, Any]] = [{}, PLACE, {"locations": [PLACE]}]
# Left out: signing in and out, which would end the walk, and ending the alert again, which has tests of its own.
LEFT_OUT = ("/auth/", "/webhooks/", "/ops/", "cancel/", "resolve/", "{signature}")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _answers_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)


@pytest.fixture
def twins() -> tuple[Twin, Twin]:
    twins = make_twins("Aida", "Bek", "Cholpon")
    for twin in twins:
        twin.press(latitude=42.87, longitude=74.57)
        told, tried, _ = twin.messages()
        drive(told, State.DELIVERED)
        drive(tried, State.SENT)
    alike(twins, lambda twin: twin.end())
    _go_on(twins[1])
    return twins


def _go_on(duress: Twin) -> None:
    """Let the alert go on: further calls and an answer."""
    drive(duress.messages()[2], State.DELIVERED)
    EscalationStep.objects.filter(alert_id=duress.uuid).update(due_at=clock.now())
    steps.take_steps(now=clock.now())
    first = duress.user.contacts.get(order=0)
    acknowledge(alert_id=duress.uuid, contact_id=first.id, via=Via.PAGE, now=clock.now())


def operations(method: str) -> list[str]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    asked = [path for path, methods in paths.items() if method in methods]
    return [path for path in asked if not any(part in path for part in LEFT_OUT)]


def of_alert(method: str) -> list[str]:
    """The operations that need no id but the alert's."""
    return [path for path in operations(method) if "{" not in path.replace("{alert_id}", "")]


def ask_everything(twins: tuple[Twin, Twin]) -> list[str]:
    walked = of_alert("get")
    for path in walked:
        alike(twins, partial(_get, path=path))
    return walked


def _get(twin: Twin, *, path: str) -> Any:
    return twin.phone.get(path.replace("{alert_id}", twin.alert))


def _post(twin: Twin, *, path: str, body: dict[str, Any]) -> Any:
    return twin.phone.post(path.replace("{alert_id}", twin.alert), body, format="json")


def test_every_answer_of_the_schema(twins: tuple[Twin, Twin]) -> None:
    walked = ask_everything(twins)
    assert {"/api/v1/sos-alerts/", "/api/v1/sos-alerts/{alert_id}/", "/api/v1/me/"} <= set(walked)


@pytest.mark.parametrize("body", BODIES)
def test_every_post_to_the_alert(twins: tuple[Twin, Twin], body: dict[str, Any]) -> None:
    to_alert = [path for path in of_alert("post") if "{alert_id}" in path]
    for path in to_alert:
        alike(twins, partial(_post, path=path, body=body))
    assert len(to_alert) >= 3
    ask_everything(twins)


def test_nobody_texts_the_owner(twins: tuple[Twin, Twin]) -> None:
    assert not Message.objects.filter(address__in=[str(twin.user.phone_number) for twin in twins]).exists()
