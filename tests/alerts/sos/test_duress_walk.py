"""Under duress every endpoint answers the owner's devices as for an alert that ended: the test walks the whole schema.

Found before: one id sent with a position from after the end and then with one from before it was answered 201 and 200;
a coercer needed two requests. Now 0 of the responses differ.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Semaphore
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from drf_spectacular.generators import SchemaGenerator

from alerts.escalation import steps
from alerts.escalation.answers import acknowledge
from alerts.evidence import sending
from alerts.exports import views
from alerts.models import EscalationStep, FeignedEnd, SosAlert, Via
from alerts.owner import feigned
from identity.pins import even_timing
from messaging.database import clock
from messaging.models import Message
from messaging.states import State
from tests.alerts.conftest import app
from tests.alerts.engine import drive, messages, step
from tests.alerts.evidence import files
from tests.alerts.evidence.tus import TUS, create, patch, path_of
from tests.alerts.sos.twins import URL, Twin, alike, make_twins

Twins = tuple[Twin, Twin]

PLACE = {"latitude": 42.9, "longitude": 74.6}
# Left out: signing in and out, which would end the walk, and what reads no person's rows.
LEFT_OUT = ("/auth/", "/webhooks/", "/ops/", "{signature}")
FIXES = [str(UUID(int=number)) for number in range(1, 9)]
NAMES = tuple(f"Contact {number}" for number in range(50))
# How the first messages stand when the PIN is typed; the others have not left.
STATES = (
    State.DELIVERED,
    State.SENT,
    State.ACCEPTED,
    State.SENDING,
    State.UNKNOWN,
    State.FAILED,
    State.UNDELIVERED,
    State.UNCONFIRMED,
    State.DISPATCHED,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _answers_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    monkeypatch.setattr(feigned, "_moment", lambda *_: timedelta(microseconds=1))
    # A limit gives back with time, so that of two twins at its edge the second may pass.
    monkeypatch.setattr(views, "EXPORTS", replace(views.EXPORTS, times=1_000))


@pytest.fixture(autouse=True)
def _media(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.EVIDENCE_FREE_MB = 0


@pytest.fixture
def twins() -> Twins:
    """Two people with 50 contacts, a device, a timer and a zone; one has ended an alert, one under duress."""
    twins = make_twins(*NAMES)
    for twin in twins:
        twin.ids |= _belongings(twin)
        twin.press(**PLACE)
        for message, state in zip(twin.messages(), STATES, strict=False):
            drive(message, state, code="30003" if state is State.UNDELIVERED else "")
        acknowledge(alert_id=twin.uuid, contact_id=_contact(twin, 0), via=Via.PAGE, now=clock.now())
    for ask in (partial(_send_fix, fix=FIXES[0]), _send_audio, partial(_start_upload, which="upload_id")):
        alike(twins, ask)
    alike(twins, lambda twin: twin.end())
    for twin in twins:
        twin.ids["alert_id"] = twin.alert
    _go_on(twins[1])
    return twins


def _belongings(twin: Twin) -> dict[str, str]:
    made = {
        "timer_id": ("timers/", {"duration_s": 3600, "note": "hills"}),
        "zone_id": ("geozones/", {"name": "Home", "center": PLACE, "radius_m": 100}),
        "blueprint_id": ("blueprints/", {"name": "Town", "zones": []}),
    }
    ids = {name: _id_of(twin.phone.post(f"/api/v1/{path}", body, format="json")) for name, (path, body) in made.items()}
    device = twin.phone.post("/api/v1/me/devices/", {"name": "phone", "platform": "android"}, format="json")
    ids["device_id"] = str(device.json().get("device", {}).get("id", UUID(int=9)))
    return ids | {"contact_id": str(_contact(twin, 3)), "session_id": str(UUID(int=9))}


def _id_of(answer: Any) -> str:
    return str(answer.json().get("id", UUID(int=9)))


def _contact(twin: Twin, order: int) -> UUID:
    return UUID(str(twin.user.contacts.get(order=order).id))


def _go_on(duress: Twin) -> None:
    """Let the alert go on: news of messages, calls, an answer, and positions that nobody is shown."""
    moved = duress.messages()
    drive(moved[-1], State.DELIVERED)
    step(moved[4], State.QUEUED, code="no_evidence")
    EscalationStep.objects.filter(alert_id=duress.uuid).update(due_at=clock.now())
    steps.take_steps(now=clock.now())
    acknowledge(alert_id=duress.uuid, contact_id=_contact(duress, 1), via=Via.PAGE, now=clock.now())
    for warning in messages(duress.alert, "duress")[:3]:  # type: ignore[arg-type]
        drive(warning, State.DELIVERED)


def operations(*methods: str, left_out: tuple[str, ...] = LEFT_OUT) -> list[tuple[str, str]]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    asked = [(method, path) for path, known in paths.items() for method in methods if method in known]
    return [(method, path) for method, path in asked if not any(part in path for part in left_out)]


@pytest.fixture(autouse=True)
def _streams_of_other_tests_hold_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that an earlier test never read holds one of the few places for streams until it is collected."""
    monkeypatch.setattr(sending, "_slots", Semaphore(1_000))


def ask_everything(twins: Twins) -> None:
    """GET everything from the phone and from a second session."""
    for _, path in operations("get"):
        alike(twins, lambda twin, path=path: twin.phone.get(_filled(path, twin)))  # type: ignore[misc]
        alike(twins, lambda twin, path=path: app(twin.user).get(_filled(path, twin)))  # type: ignore[misc]
    for query in ("?status=active", "?status=cancelled", "?page_size=1"):
        alike(twins, lambda twin, query=query: twin.phone.get(f"{URL}{query}"))  # type: ignore[misc]


def _filled(path: str, twin: Twin) -> str:
    for name, value in twin.ids.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"the walk has no id for {path}"
    return path


def test_every_answer_of_the_schema(twins: Twins) -> None:
    ask_everything(twins)
    assert not Message.objects.filter(address__in=[str(twin.user.phone_number) for twin in twins]).exclude(
        id__in=_before_the_end(twins)
    )


def _before_the_end(twins: Twins) -> list[int]:
    """The SMS to the owners from before the end: "a contact is on the way"."""
    ended = FeignedEnd.objects.filter(alert_id__in=[twin.uuid for twin in twins]).order_by("at").values_list("at")[:1]
    return list(Message.objects.filter(queued_at__lt=ended).values_list("id", flat=True))


def test_every_post_twice_with_the_same_ids(twins: Twins) -> None:
    for body in ({}, PLACE, {"locations": [PLACE | {"id": FIXES[1]}]}, {"pin": "0000"}):
        for method, path in operations("post", "put", "patch"):
            for _ in range(2):
                alike(twins, lambda twin, m=method, p=path, b=body: _send(twin, m, p, b))  # type: ignore[misc]
    ask_everything(twins)
    for _, path in operations("delete"):
        for _ in range(2):
            alike(twins, lambda twin, path=path: _send(twin, "delete", path, {}))  # type: ignore[misc]
    ask_everything(twins)


def _send(twin: Twin, method: str, path: str, body: Any) -> Any:
    send: Callable[..., Any] = getattr(twin.phone, method)
    return send(_filled(path, twin), body, format="json")


def test_positions_with_ids_from_before_and_after_the_end(twins: Twins) -> None:
    """Found: 201 and 200, from two requests. Now: equal in every order, alone and in a batch, and at the cap."""
    for first, then, fix in ((_after, _before, FIXES[2]), (_before, _after, FIXES[3]), (_after, _before, FIXES[0])):
        for moment in (first, then, first, then):
            alike(twins, lambda twin, m=moment, fix=fix: _send_fix(twin, fix=fix, at=m(twin)))  # type: ignore[misc]
    for _ in range(2):
        alike(twins, _send_batch)
    ask_everything(twins)
    hidden = SosAlert.objects.get(id=twins[1].alert).positions.filter(at__gt=_end_of(twins[1]))
    assert hidden.count() == 5
    assert SosAlert.objects.get(id=twins[0].alert).positions.filter(at__gt=_end_of(twins[0])).count() == 0


def _before(twin: Twin) -> datetime:
    return SosAlert.objects.get(id=twin.alert).created_at + timedelta(milliseconds=1)


def _after(twin: Twin) -> datetime:
    return _end_of(twin) + timedelta(milliseconds=1)


def _send_batch(twin: Twin) -> Any:
    fixes = [_fix(FIXES[4], _after(twin)), _fix(FIXES[4], _before(twin)), _fix(FIXES[5], _after(twin))]
    return twin.phone.post(f"{_alert(twin)}locations/batch/", {"locations": fixes}, format="json")


def test_the_cap_of_positions(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.positions.track.MAX_PER_ALERT", 3)
    for fix in FIXES[:4]:
        alike(twins, lambda twin, fix=fix: _send_fix(twin, fix=fix, at=_after(twin)))  # type: ignore[misc]
    answers = [
        alike(twins, lambda twin, fix=fix: _send_fix(twin, fix=fix, at=_before(twin))).status_code  # type: ignore[misc]
        for fix in FIXES[4:7]
    ]
    assert answers[0] == 201
    assert len(set(answers)) == 2
    assert SosAlert.objects.get(id=twins[1].alert).positions.filter(at__gt=_end_of(twins[1])).count() == 3


def _fix(fix: str, at: datetime) -> dict[str, Any]:
    return PLACE | {"id": fix, "recorded_at": at.isoformat()}


def _send_fix(twin: Twin, *, fix: str, at: datetime | None = None) -> Any:
    return twin.phone.post(f"{_alert(twin)}locations/", _fix(fix, at or clock.now()), format="json")


def _end_of(twin: Twin) -> datetime:
    return FeignedEnd.objects.get(alert=twin.uuid).at


def _alert(twin: Twin) -> str:
    return f"{URL}{twin.alert}/"


def _send_audio(twin: Twin, content: bytes | None = None) -> Any:
    file = SimpleUploadedFile("a", content or files.wav())
    return twin.phone.post(f"{_alert(twin)}upload_audio/", {"audio": file}, format="multipart")


def _start_upload(twin: Twin, *, which: str) -> Any:
    answer = create(twin.phone, twin.alert, 100)
    twin.ids[which] = path_of(answer).strip("/").rpartition("/")[2]
    return answer


def test_uploads_twice(twins: Twins) -> None:
    for content in (files.wav(), files.ogg(), files.ogg(), b"x"):
        alike(twins, partial(_send_audio, content=content))
    for twin_ids in ("upload_id", "second"):
        if twin_ids == "second":
            alike(twins, partial(_start_upload, which=twin_ids))
        for _ in range(2):
            alike(twins, lambda twin, i=twin_ids: patch(twin.phone, _upload(twin, i), b"y" * 50, 0))  # type: ignore[misc]
            alike(twins, lambda twin, i=twin_ids: twin.phone.head(_upload(twin, i), headers=TUS))  # type: ignore[misc]
    for _ in range(10):
        alike(twins, lambda twin: create(twin.phone, twin.alert, 100))
    ask_everything(twins)


def _upload(twin: Twin, which: str) -> str:
    return f"/api/v1/uploads/{twin.ids[which]}/"


def test_the_next_alerts_and_drills(twins: Twins) -> None:
    """A new press raises a new alert beside the one that goes on; drills begin, end and are counted alike."""
    first = [twin.alert for twin in twins]
    for body in ({"drill": True}, PLACE, PLACE, {"drill": True}):
        alike(twins, lambda twin, body=body: twin.press(**body) if body is PLACE else _drill(twin))  # type: ignore[misc]
        ask_everything(twins)
    alike(twins, lambda twin: twin.end("resolve"))
    ask_everything(twins)
    for _ in range(6):
        alike(twins, _drill)
        alike(twins, lambda twin: _end_drill(twin))
    alike(twins, lambda twin: twin.phone.get(f"{URL}{twin.ids['drill']}/drill-report/"))
    ask_everything(twins)
    for twin, alert in zip(twins, first, strict=True):
        twin.alert = alert
    alike(twins, lambda twin: twin.end())
    alike(twins, lambda twin: twin.end("resolve"))
    ask_everything(twins)


def _drill(twin: Twin) -> Any:
    answer = twin.phone.post(URL, {"drill": True}, format="json")
    twin.ids["drill"] = answer.json().get("id", twin.ids.get("drill", ""))
    return answer


def _end_drill(twin: Twin) -> Any:
    return twin.phone.post(f"{URL}{twin.ids['drill']}/cancel/", {"pin": twin.pin}, format="json")
