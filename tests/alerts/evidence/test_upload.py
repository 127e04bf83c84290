"""Files sent in one request: accepted ones are kept, and nothing is left of a refused one."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from alerts.evidence import limits
from alerts.models import AlertEvent, Evidence, SosAlert, Upload
from identity.models import User
from messaging.database import clock
from messaging.models import OperatorAlarm
from tests.alerts.conftest import app
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send, contents, on_disk
from tests.race import at_once

pytestmark = pytest.mark.django_db


def refused(answer: Any, status: int, code: str, media: Path) -> None:
    """Assert that the response is this error and that nothing was stored anywhere."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert on_disk(media) == []
    assert not Evidence.objects.exists()
    assert not Upload.objects.exists()
    assert not AlertEvent.objects.filter(kind="evidence_added").exists()


@pytest.mark.parametrize(
    ("kind", "content", "media_type", "extension"),
    [
        ("audio", files.mp4(b"soun"), "audio/mp4", "m4a"),
        ("video", files.mp4(b"vide", b"soun"), "video/mp4", "mp4"),
        ("photo", files.jpeg(), "image/jpeg", "jpg"),
    ],
)
def test_a_file_is_kept_as_it_came(
    send: Send, media: Path, alert: str, kind: str, content: bytes, media_type: str, extension: str
) -> None:
    digest = hashlib.sha256(content).hexdigest()
    answer = send(content, kind, sha256=digest.upper())
    assert answer.status_code == 201
    body = answer.json()
    assert (body["kind"], body["type"], body["size"], body["sha256"]) == (kind, media_type, len(content), digest)
    assert body[f"{kind}_url"] == body["url"]
    (kept,) = on_disk(media)
    now = clock.now()
    assert kept.relative_to(media).match(f"sos/{kind}/{now:%Y/%m/%d}/*.{extension}")
    assert len(kept.stem) == 32
    assert contents(media) == [content]
    assert kept.stat().st_mode & 0o777 == 0o400
    (step,) = AlertEvent.objects.filter(alert_id=UUID(alert), kind="evidence_added")
    assert (step.by, step.data["sha256"], step.data["size"]) == ("owner", digest, len(content))
    assert "url" not in step.data
    assert not Upload.objects.exists()


def test_the_same_bytes_again_are_the_first_ones(send: Send, media: Path) -> None:
    first, again = send(files.ogg()), send(files.ogg())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert len(on_disk(media)) == Evidence.objects.count() == 1
    assert AlertEvent.objects.filter(kind="evidence_added").count() == 1


def test_a_large_file_is_whole(send: Send, media: Path) -> None:
    content = files.mp4(b"vide", media=3_000_000)
    assert send(content, "video").json()["size"] == len(content)
    assert contents(media) == [content]


@pytest.mark.parametrize(
    ("kind", "content", "status", "code"),
    [
        ("audio", b"just text", 415, "type_refused"),
        ("audio", files.mp4(b"vide", b"soun"), 415, "type_refused"),
        ("video", files.mp4(b"soun"), 415, "type_refused"),
        ("photo", files.webm(1), 415, "type_refused"),
        ("video", b"PK\x03\x04" + bytes(5_000), 415, "type_refused"),
        ("video", files.mp4(b"vide")[:-1], 422, "file_truncated"),
        ("photo", files.jpeg()[:-2], 422, "file_truncated"),
    ],
)
def test_a_file_of_another_type_is_refused(
    send: Send, media: Path, kind: str, content: bytes, status: int, code: str
) -> None:
    name = {"audio": "a.m4a", "video": "v.mp4", "photo": "p.jpg"}[kind]
    refused(send(content, kind, name=name), status, code, media)


def test_another_hash_than_declared_is_refused(send: Send, media: Path) -> None:
    refused(send(files.wav(), sha256="0" * 64), 422, "sha256_mismatch", media)
    refused(send(files.wav(), sha256="x"), 400, "sha256_invalid", media)
    refused(send(files.wav(), sha256="\0" * 64), 400, "sha256_invalid", media)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\0b.m4a", "й" * 3_000, "a\r\nX: y.wav", "C:\\x.wav", "con", "%00"]
)
def test_a_name_is_only_a_name(send: Send, media: Path, name: str) -> None:
    answer = send(files.wav(), name=name)
    assert answer.status_code in (201, 400)
    assert len(on_disk(media)) == Evidence.objects.count() == (answer.status_code == 201)
    assert all(path.is_relative_to(media / "sos") for path in on_disk(media))


def raw(phone: Any, alert: str, body: bytes, **extra: str) -> Any:
    return phone.generic("POST", f"{URL}{alert}/upload_audio/", body, **extra)


BOUNDARY = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
AFTER = b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("multipart/form-data", PART + files.wav() + AFTER, "parse_error"),
        ("multipart/form-data; boundary=y", PART + files.wav() + AFTER, "upload_incomplete"),
        (BOUNDARY, PART + files.wav(), "upload_incomplete"),
        (BOUNDARY, PART + files.wav()[:300], "upload_incomplete"),
        (BOUNDARY, PART[:40], "file_missing"),
        (BOUNDARY, PART.replace(b'"a"', b'".."') + files.wav() + AFTER, "file_missing"),
        (BOUNDARY, b"\0" * 3_000, "parse_error"),
        (BOUNDARY, PART.replace(b'"audio"', b'"video"') + files.wav() + AFTER, "file_missing"),
        (BOUNDARY, PART + files.wav() + b"\r\n" + PART + files.ogg() + AFTER, "file_missing"),
        (BOUNDARY, PART.replace(b'; filename="a"', b"") + b"text" + AFTER, "file_missing"),
    ],
)
def test_an_invalid_upload_is_a_clear_error(
    phone: APIClient, media: Path, alert: str, content_type: str, body: bytes, code: str
) -> None:
    answer = raw(phone, alert, body, content_type=content_type)
    refused(answer, 400, code, media)


def test_another_content_type_is_an_error(phone: APIClient, media: Path, alert: str) -> None:
    for other in ("multipart/form-data; boundary=" + "y" * 500, "application/octet-stream", "x"):
        answer = raw(phone, alert, PART + AFTER, content_type=other)
        refused(answer, 415, "unsupported_media_type", media)
    answer = phone.post(f"{URL}{alert}/upload_audio/", {"audio": "x"}, format="json")
    refused(answer, 415, "unsupported_media_type", media)
    refused(phone.post(f"{URL}{alert}/upload_audio/"), 411, "length_required", media)


def test_endless_fields_beside_the_file_are_refused(send: Send, media: Path) -> None:
    refused(send(files.wav(), note="x" * 70_000), 413, "body_too_large", media)


def test_too_large_is_refused_before_and_while_it_is_read(
    phone: APIClient, send: Send, media: Path, alert: str, settings: Any
) -> None:
    settings.EVIDENCE_MAX_MB = {"audio": 1, "video": 1, "photo": 1}
    # The Content-Length alone is refused: the body is not read.
    answer = raw(phone, alert, b"", content_type=BOUNDARY, CONTENT_LENGTH=str(2**40))
    refused(answer, 413, "file_too_large", media)
    refused(send(files.wav() + bytes(limits.MIB)), 413, "file_too_large", media)


def test_an_alert_and_a_person_have_limited_room(send: Send, phone: APIClient, alert: str, settings: Any) -> None:
    settings.EVIDENCE_ALERT_MB = 1
    assert send(files.mp4(b"vide", media=700_000), "video").status_code == 201
    assert send(files.mp4(b"vide", media=500_000), "video").json()["code"] == "evidence_quota_exceeded"
    settings.EVIDENCE_ALERT_MB, settings.EVIDENCE_PERSON_MB = 100, 1
    phone.post(f"{URL}{alert}/resolve/")
    second = phone.post(URL, {}, format="json").data["id"]
    answer = send(files.mp4(b"vide", media=500_000), "video", to=second)
    assert (answer.status_code, answer.json()["code"]) == (413, "evidence_quota_exceeded")
    assert Evidence.objects.count() == 1


def test_uploads_that_hang_are_counted(send: Send, alert: str) -> None:
    now = clock.now()
    for _ in range(limits.OPEN_UPLOADS):
        Upload.objects.create(
            alert_id=alert, kind="audio", length=1, is_resumable=False, created_at=now, expires_at=now
        )
    answer = send(files.wav())
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_uploads")


def test_the_disk_is_never_filled(send: Send, media: Path, settings: Any) -> None:
    settings.EVIDENCE_FREE_MB = 1e9
    refused(send(files.wav()), 507, "storage_full", media)
    assert OperatorAlarm.objects.get().code == "evidence_storage_full"


def test_evidence_comes_late_but_not_forever(send: Send, phone: APIClient, alert: str, media: Path) -> None:
    phone.post(f"{URL}{alert}/resolve/")
    assert send(files.wav()).status_code == 201
    ended = clock.now() - limits.LATE_UPLOADS_FOR - timedelta(seconds=1)
    SosAlert.objects.update(ended_at=ended)
    answer = send(files.ogg())
    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_closed")
    assert len(on_disk(media)) == 1


def test_another_persons_alert_takes_nothing(send: Send, stranger: User, media: Path, alert: str) -> None:
    theirs = send(files.wav(), by=app(stranger))
    assert (theirs.status_code, theirs.json()["code"]) == (404, "not_found")
    assert app(stranger).get(f"{URL}{alert}/evidence/").status_code == 404
    assert on_disk(media) == []


def test_without_signing_in_nothing_is_read(send: Send, media: Path) -> None:
    refused(send(files.wav(), by=APIClient()), 401, "not_authenticated", media)


@pytest.mark.django_db(transaction=True)
def test_one_file_sent_twice_at_once_is_one_evidence(send: Send, media: Path, alert: str, ana: User) -> None:
    def twin() -> Any:
        return send(files.wav(), by=app(ana))

    answers = at_once(twin, twin, twin)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(on_disk(media)) == Evidence.objects.count() == 1
