"""The content of an export, who may have it, and that it is written while it is read."""

import json
import subprocess
import tracemalloc
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZIP_STORED, ZipFile

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from alerts.escalation import answers
from alerts.evidence import keeping, limits
from alerts.models import AlertEvent, AlertPosition, Evidence, Via
from identity.models import User
from messaging.database import clock
from messaging.models import OperatorAlarm
from messaging.states import State
from tests.alerts.conftest import app
from tests.alerts.engine import drive, messages
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send
from tests.alerts.exports.conftest import export, problems
from tests.alerts.timeline.tampering import tampering
from tests.alerts.typed import DURESS_PIN, set_pins

pytestmark = pytest.mark.django_db


def opened(bundle: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        assert {each.compress_type for each in archive.infolist()} == {ZIP_STORED}
        return {name: archive.read(name) for name in archive.namelist()}


def said(bundle: bytes, name: str = "alert.json") -> Any:
    return json.loads(opened(bundle)[name])


def test_an_export_holds_everything_that_is_known_of_the_alert(bundle: bytes, phone: APIClient, alert: str) -> None:
    inside = opened(bundle)
    wav, photo = Evidence.objects.order_by("id")
    assert list(inside) == [
        *("alert.json", "timeline.json", "positions.geojson"),
        *(f"evidence/{wav.id}.wav", f"evidence/{photo.id}.jpg", "manifest.json", "manifest.sig"),
    ]
    assert inside[f"evidence/{wav.id}.wav"] == files.wav()
    alert_json = said(bundle)
    assert alert_json["person"]["phone_number"] == "+996555123456"
    told, refused = alert_json["alert"]["contacts"]
    assert (told["name"], told["tries"][0]["status"], refused["tries"][0]["reason"]) == (
        *("Aida", "delivered"),
        "invalid_number",
    )
    assert [each["sha256"] for each in alert_json["evidence"]] == [wav.sha256, photo.sha256]
    assert said(bundle, "timeline.json") | {"next": None} == phone.get(f"{URL}{alert}/timeline/").json()
    places = [each["geometry"]["coordinates"] for each in said(bundle, "positions.geojson")["features"]]
    assert places == [[74.5698, 42.8746], [74.57, 42.88]]
    manifest = said(bundle, "manifest.json")
    assert manifest["exported_by"] == settings.PUBLIC_BASE_URL
    assert manifest["timeline"]["head"] == said(bundle, "timeline.json")["head"]
    assert problems(bundle) == []


def test_openssl_and_unzip_accept_an_export(bundle: bytes, tmp_path: Path) -> None:
    """An export uses common formats, so it can be checked without our code."""
    (tmp_path / "export.zip").write_bytes(bundle)
    answer = APIClient().get("/api/v1/export-key/").json()
    (tmp_path / "key.pem").write_text(answer["keys"][0]["pem"])
    with ZipFile(tmp_path / "export.zip") as archive:
        archive.extractall(tmp_path)
    said_by = ("-in", "manifest.json", "-sigfile", "manifest.sig")
    verified = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", *said_by],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    assert said(bundle, "manifest.json")["key_id"] == answer["keys"][0]["id"]


def test_another_persons_alert_cannot_be_exported(stranger: User, alert: str) -> None:
    assert APIClient().get(f"{URL}{alert}/export/").status_code == 401
    theirs, none = export(app(stranger), alert), export(app(stranger), str(uuid4()))
    assert theirs.status_code == none.status_code == 404
    assert theirs.content == none.content


def test_an_alert_with_nothing_but_the_press_is_exported(phone: APIClient) -> None:
    bundle = export(phone, phone.post(URL, {}, format="json").data["id"]).getvalue()
    assert said(bundle, "positions.geojson")["features"] == []
    assert problems(bundle) == []


def test_under_duress_the_owners_export_shows_a_cancelled_alert(
    phone: APIClient, ana: User, send: Send, alert: str, tmp_path: Path
) -> None:
    set_pins(ana)
    assert phone.post(f"{URL}{alert}/cancel/", {"pin": DURESS_PIN}, format="json").status_code == 200
    drive(messages(alert)[0], State.DELIVERED)
    send(files.wav())
    contact = ana.contacts.get(order=0)
    answers.acknowledge(alert_id=UUID(alert), contact_id=contact.id, via=Via.PAGE, now=clock.now())
    shown = export(phone, alert).getvalue()
    assert b"duress" not in shown
    assert said(shown)["alert"]["status"] == "cancelled"
    assert {each["status"] for each in said(shown)["alert"]["contacts"]} == {"cancelled"}

    call_command("exportalert", alert, output=tmp_path / "truth.zip", stdout=StringIO())
    truth = (tmp_path / "truth.zip").read_bytes()
    assert (tmp_path / "truth.zip").stat().st_mode & 0o777 == 0o600
    assert problems(truth) == []
    alert_json = said(truth)
    assert (alert_json["alert"]["status"], alert_json["shown_to_owner_as"]) == ("acknowledged", "cancelled")
    assert alert_json["alert"]["contacts"][0]["answer"] == "acknowledged"
    kinds = [each["kind"] for each in alert_json["messages"]]
    assert kinds.count("duress") == 2
    states = [move["state"] for move in alert_json["messages"][0]["moves"]]
    assert states == ["queued", "dispatched", "sending", "accepted", "delivered"]
    assert "duress" in [entry["kind"] for entry in said(truth, "timeline.json")["entries"]]


def test_the_command_says_what_it_cannot_do(alert: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such alert"):
        call_command("exportalert", str(uuid4()), output=tmp_path / "x.zip")
    (tmp_path / "there.zip").write_bytes(b"kept")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("exportalert", alert, output=tmp_path / "there.zip")
    assert (tmp_path / "there.zip").read_bytes() == b"kept"


def test_a_file_missing_from_the_storage_is_named(phone: APIClient, send: Send, alert: str) -> None:
    send(files.wav())
    send(files.jpeg(), "photo")
    lost = Evidence.objects.earliest("id")
    keeping.storage().delete(lost.name)
    bundle = export(phone, alert).getvalue()
    assert f"evidence/{lost.id}.wav" not in opened(bundle)
    assert problems(bundle) == [
        f"evidence/{lost.id}.wav: could not be read when the alert was exported: the bundle is incomplete"
    ]
    assert OperatorAlarm.objects.get(code="evidence_unreadable").detail == {"evidence_id": str(lost.id)}


def test_a_file_changed_in_the_storage_is_named(phone: APIClient, send: Send, alert: str, media: Path) -> None:
    """The rest of the export, and the file up to the damaged block, are there."""
    send(files.wav())
    film = files.mp4(b"vide", media=90_000)
    send(film, "video")
    (path,) = media.rglob("*.mp4")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    wav, kept = Evidence.objects.order_by("id")
    made = export(phone, alert).getvalue()
    assert problems(made) == [
        f"evidence/{kept.id}.mp4: could not be read when the alert was exported: the bundle is incomplete",
        f"evidence/{kept.id}.mp4: was changed before it was exported: it is not the file that arrived",
    ]
    assert opened(made)[f"evidence/{wav.id}.wav"] == files.wav()
    assert opened(made)[f"evidence/{kept.id}.mp4"] == film[: 64 * 1024]
    assert OperatorAlarm.objects.get().code == "evidence_unreadable"


def test_a_step_that_was_altered_in_the_database_is_named(phone: APIClient, alert: str) -> None:
    assert problems(export(phone, alert).getvalue()) == []
    with tampering():
        AlertEvent.objects.filter(seq=3).update(data={"state": "delivered"})
    assert problems(export(phone, alert).getvalue()) == [
        "timeline.json: entry 3 is the first that does not fit the chain"
    ]


def test_memory_is_bounded_whatever_there_is(phone: APIClient, send: Send, alert: str) -> None:
    film = files.mp4(b"vide", media=40 * limits.MIB)
    assert send(film, "video").status_code == 201
    del film
    now = clock.now()
    AlertPosition.objects.bulk_create(
        AlertPosition(alert_id=UUID(alert), latitude=42.8, longitude=74.5, at=now, received_at=now)
        for _ in range(20_000)
    )
    answer = export(phone, alert)
    tracemalloc.start()
    try:
        size = sum(len(chunk) for chunk in answer.streaming_content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 40 * limits.MIB
    assert peak < 8 * limits.MIB


@pytest.mark.django_db(transaction=True)  # A closed response gives its connection back.
def test_a_limited_number_of_exports_is_read_at_once(phone: APIClient, alert: str) -> None:
    first = [export(phone, alert) for _ in range(settings.WEB_THREADS // 4)]
    assert {answer.status_code for answer in first} == {200}
    busy = export(phone, alert)
    assert (busy.status_code, busy.json()["code"], busy["Retry-After"]) == (503, "downloads_busy", "10")
    first[0].close()  # The client closes the connection.
    assert problems(export(phone, alert).getvalue()) == []
    for answer in first[1:]:
        answer.close()


def test_too_many_are_refused(phone: APIClient, alert: str) -> None:
    for _ in range(30):
        assert export(phone, alert).getvalue()
    assert export(phone, alert).status_code == 429
