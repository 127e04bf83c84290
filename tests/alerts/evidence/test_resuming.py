"""Resumable uploads: bytes in order whatever breaks, one file however many send it, and nothing left of a refused
one."""

import hashlib
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from alerts.evidence import limits, resuming, retention
from alerts.models import AlertEvent, Evidence, Upload
from identity.devices import credentials
from identity.models import Platform, User
from messaging.database import clock
from tests.alerts.conftest import app
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send, contents, on_disk
from tests.alerts.evidence.tus import FILM, SHA256, TUS, create, metadata, offset_of, patch, path_of

pytestmark = pytest.mark.django_db


def test_a_file_in_pieces_is_the_file(phone: APIClient, begun: str, media: Path, alert: str) -> None:
    for start in range(0, len(FILM), 300_000):
        answer = patch(phone, begun, FILM[start : start + 300_000], start)
        assert answer.status_code == 204
        assert answer["Tus-Resumable"] == "1.0.0"
        assert int(answer["Upload-Offset"]) == min(start + 300_000, len(FILM))
    (kept,) = on_disk(media)
    assert contents(media) == [FILM]
    assert kept.match("sos/video/*/*/*/*.mp4")
    assert kept.stat().st_mode & 0o777 == 0o400
    evidence = Evidence.objects.get()
    assert answer["Evidence-Id"] == str(evidence.id)
    assert (evidence.sha256, evidence.size, evidence.media_type) == (SHA256, len(FILM), "video/mp4")
    assert AlertEvent.objects.get(kind="evidence_added").data["sha256"] == SHA256
    listed = phone.get(f"{URL}{alert}/evidence/").json()
    assert listed[0]["id"] == str(evidence.id)
    # A phone that lost the last response asks, and learns that the upload is complete.
    head = phone.head(begun, headers=TUS)
    assert (head["Upload-Offset"], head["Evidence-Id"]) == (str(len(FILM)), str(evidence.id))
    assert patch(phone, begun, b"more", len(FILM)).json()["code"] == "too_many_bytes"


def test_creation_says_where_and_until_when(phone: APIClient, alert: str) -> None:
    answer = create(phone, alert)
    assert answer["Location"].startswith("http://127.0.0.1:8000/api/v1/uploads/")
    assert answer["Upload-Offset"] == "0"
    assert "GMT" in answer["Upload-Expires"]
    options = phone.options(path_of(answer))
    assert (options.status_code, options["Tus-Version"]) == (204, "1.0.0")
    assert options["Tus-Extension"] == "creation,expiration,termination,checksum"


def test_the_same_declared_file_goes_on_where_it_was(phone: APIClient, alert: str, send: Send) -> None:
    about = metadata(kind="video", sha256=SHA256)
    first = path_of(create(phone, alert, about=about))
    patch(phone, first, FILM[:1000], 0)
    again = create(phone, alert, about=about)
    assert path_of(again) == first
    assert again["Upload-Offset"] == "1000"
    assert patch(phone, first, FILM[1000:], 1000).status_code == 204
    Upload.objects.all().delete()
    known = create(phone, alert, about=about)
    assert (known["Upload-Offset"], known["Evidence-Id"]) == (str(len(FILM)), str(Evidence.objects.get().id))
    assert send(FILM, "video").status_code == 200


@pytest.mark.parametrize(
    ("about", "length", "status", "code"),
    [
        ("", 9, 400, "upload_metadata_invalid"),
        (metadata(kind="text"), 9, 400, "upload_metadata_invalid"),
        ("kind", 9, 400, "upload_metadata_invalid"),
        ("kind !!!", 9, 400, "upload_metadata_invalid"),
        ("kind /w==", 9, 400, "upload_metadata_invalid"),
        (metadata(kind="video", sha256="x"), 9, 400, "sha256_invalid"),
        (metadata(kind="video"), "", 411, "length_required"),
        (metadata(kind="video"), 0, 411, "length_required"),
        (metadata(kind="video"), -1, 400, "parse_error"),
        (metadata(kind="video"), "9" * 30, 400, "parse_error"),
        (metadata(kind="video"), "1e3", 400, "parse_error"),
        (metadata(kind="video"), 501 * limits.MIB, 413, "file_too_large"),
    ],
)
def test_a_wrong_creation_request_is_refused(
    phone: APIClient, alert: str, media: Path, about: str, length: Any, status: int, code: str
) -> None:
    answer = create(phone, alert, length, about=about)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Upload.objects.exists()


def test_another_version_of_the_protocol_is_refused(phone: APIClient, begun: str) -> None:
    answer = phone.head(begun)
    assert (answer.status_code, answer["Tus-Version"]) == (412, "1.0.0")


def test_open_uploads_and_their_bytes_are_counted(phone: APIClient, alert: str, settings: Any) -> None:
    for _ in range(limits.OPEN_UPLOADS):
        path_of(create(phone, alert))
    assert create(phone, alert).json()["code"] == "too_many_uploads"
    Upload.objects.all().delete()
    settings.EVIDENCE_PERSON_MB = 2
    path_of(create(phone, alert))
    path_of(create(phone, alert))
    assert create(phone, alert).json()["code"] == "evidence_quota_exceeded"


def test_a_wrong_offset_changes_nothing(phone: APIClient, begun: str) -> None:
    patch(phone, begun, FILM[:500], 0)
    for wrong in (0, 499, 501, len(FILM)):
        answer = patch(phone, begun, b"x" * 10, wrong)
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_conflict")
    for garbage in ("", "x", "-1", "1.5"):
        assert patch(phone, begun, b"x", garbage).status_code == 400
    assert patch(phone, begun, b"x" * len(FILM), 500).json()["code"] == "too_many_bytes"
    assert patch(phone, begun, b"", 500).status_code == 411
    other = phone.generic("PATCH", begun, "{}", content_type="application/json", headers=TUS | {"Upload-Offset": "500"})
    assert other.status_code == 415
    assert patch(phone, begun, FILM[500:], 500).status_code == 204
    assert Evidence.objects.get().sha256 == SHA256


@pytest.mark.parametrize(
    ("content", "about", "status", "code"),
    [
        (b"PK\x03\x04" + bytes(500), metadata(kind="video"), 415, "type_refused"),
        (files.mp4(b"soun"), metadata(kind="video"), 415, "type_refused"),
        (FILM[:-5], metadata(kind="video"), 422, "file_truncated"),
        (FILM, metadata(kind="video", sha256="0" * 64), 422, "sha256_mismatch"),
    ],
)
def test_a_finished_upload_that_is_refused_leaves_nothing(
    phone: APIClient, alert: str, media: Path, content: bytes, about: str, status: int, code: str
) -> None:
    url = path_of(create(phone, alert, len(content), about=about))
    answer = patch(phone, url, content, 0)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert on_disk(media) == []
    assert not Upload.objects.exists()
    assert not Evidence.objects.exists()
    assert phone.head(url, headers=TUS).status_code == 404


@pytest.mark.parametrize("algorithm", resuming.ALGORITHMS)
def test_a_piece_that_does_not_match_its_checksum_is_refused(phone: APIClient, begun: str, algorithm: str) -> None:
    def checksum(content: bytes) -> str:
        return f"{algorithm} {b64encode(hashlib.new(algorithm, content).digest()).decode()}"

    wrong = patch(phone, begun, FILM[:2000], 0, Upload_Checksum=checksum(b"other"))
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
    assert offset_of(phone, begun) == 0
    assert patch(phone, begun, FILM[:2000], 0, Upload_Checksum=checksum(FILM[:2000])).status_code == 204
    assert offset_of(phone, begun) == 2000


@pytest.mark.parametrize("header", ["md5 AAAA", "sha256", "sha256 !", "", "sha256  é"])
def test_an_invalid_checksum_is_refused(phone: APIClient, begun: str, header: str) -> None:
    assert patch(phone, begun, FILM[:10], 0, Upload_Checksum=header).status_code in (400, 460)
    assert offset_of(phone, begun) == 0


def test_unfinished_uploads_expire_with_their_bytes(phone: APIClient, begun: str, media: Path) -> None:
    patch(phone, begun, FILM[:1000], 0)
    Upload.objects.update(expires_at=clock.now())
    assert phone.head(begun, headers=TUS).status_code == 410
    assert patch(phone, begun, FILM[1000:], 1000).json()["code"] == "upload_expired"
    retention.purge(now=clock.now() + timedelta(seconds=1))
    assert on_disk(media) == []
    assert phone.head(begun, headers=TUS).status_code == 404


def test_an_upload_can_be_deleted(phone: APIClient, begun: str, media: Path) -> None:
    patch(phone, begun, FILM[:1000], 0)
    assert phone.delete(begun, headers=TUS).status_code == 204
    assert on_disk(media) == []
    assert phone.delete(begun, headers=TUS).status_code == 404


def test_evidence_stays_when_its_upload_is_deleted(phone: APIClient, begun: str, media: Path) -> None:
    patch(phone, begun, FILM, 0)
    assert phone.delete(begun, headers=TUS).status_code == 204
    assert contents(media) == [FILM]
    assert Evidence.objects.count() == 1


def test_nobody_else_sees_or_touches_it(stranger: User, alert: str, begun: str) -> None:
    theirs = app(stranger)
    assert create(theirs, alert).status_code == 404
    for url in (begun, f"/api/v1/uploads/{uuid4()}/"):
        answers = [theirs.head(url, headers=TUS), patch(theirs, url, b"x", 0), theirs.delete(url, headers=TUS)]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert Upload.objects.get().offset == 0
    assert APIClient().head(begun, headers=TUS).status_code == 401


def test_a_device_sends_by_its_credential_and_ends_nothing(ana: User, alert: str) -> None:
    registered = credentials.register(
        person=ana, session_id=None, name="Ana's", platform=Platform.ANDROID, now=clock.now()
    )
    device = APIClient(HTTP_X_SOS_CREDENTIAL=registered.credential)
    url = path_of(create(device, alert))
    assert device.delete(url, headers=TUS).status_code == 401
    assert patch(device, url, FILM[:500_000], 0).status_code == 204
    assert offset_of(device, url) == 500_000
    assert "Evidence-Id" in patch(device, url, FILM[500_000:], 500_000)
    assert device.get(f"{URL}{alert}/evidence/").status_code == 401
