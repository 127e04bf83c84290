"""Bodies, and Idempotency-Keys."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from identity.api import idempotency
from identity.models import IdempotencyRecord
from tests.security.one_account.conftest import URL

pytestmark = pytest.mark.django_db


def test_records_of_keys_hold_no_names_or_numbers(phone: APIClient) -> None:
    """Found: 100 keys on an open alert were 2.2 MB of plain names and numbers. Now: encrypted, a tenth of the bytes."""
    first = phone.post(URL, {}, format="json", headers={"Idempotency-Key": "k0"})
    assert "Kanykei" in first.content.decode()
    again = phone.post(URL, {}, format="json", headers={"Idempotency-Key": "k0"})
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    for number in range(1, 10):
        phone.post(URL, {}, format="json", headers={"Idempotency-Key": f"k{number}"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT r::text, pg_column_size(r) FROM identity_idempotencyrecord r")
        stored = cursor.fetchall()
    assert len(stored) == 10
    assert not [row for row, _ in stored if "Kanykei" in row or "9967001000" in row]
    assert sum(size for _, size in stored) < 10 * 5_000


def test_keys_of_one_person_are_bounded_and_an_sos_is_not(phone: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: no bound. Now: 500 in 24 hours; beyond, an SOS runs without a record and its repeat finds the alert."""
    monkeypatch.setattr(idempotency, "MOST_KEPT", 2)
    for number in range(2):
        assert phone.post(
            "/api/v1/timers/", {"duration_s": 3600}, format="json", headers={"Idempotency-Key": f"k{number}"}
        )
    over = phone.post("/api/v1/timers/", {"duration_s": 3600}, format="json", headers={"Idempotency-Key": "k3"})
    assert (over.status_code, over.json()["code"]) == (429, "too_many_idempotency_keys")
    replay = phone.post("/api/v1/timers/", {"duration_s": 3600}, format="json", headers={"Idempotency-Key": "k1"})
    assert replay["Idempotency-Replayed"] == "true"
    presses = [phone.post(URL, {}, format="json", headers={"Idempotency-Key": "k3"}) for _ in range(2)]
    assert [press.status_code for press in presses] == [201, 200]
    assert IdempotencyRecord.objects.count() == 2


class Endless(io.RawIOBase):
    """A body that says how much of it was read."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "read without a bound"
        self.taken += size
        return b"x" * size


@pytest.mark.parametrize(
    "path",
    ["/admin/login/", "/a/abcdefghijklmnopqrstuv/answer", "/nowhere", "/api/v1/webhooks/twilio/inbound/", f"{URL}x/"],
)
def test_no_body_beyond_its_bound_is_read(path: str) -> None:
    """Found: 400 MiB of multipart to the admin's log-in were written to the disk, without any account. Now: not a byte
    is read, and the connection is not read any more."""
    closed: list[int] = []
    body = Endless()
    environment: dict[str, Any] = {
        "CONTENT_LENGTH": str(400 * 1024 * 1024),
        "wsgi.input": body,
        "gunicorn.socket": SimpleNamespace(shutdown=closed.append, settimeout=lambda seconds: None),
    }
    form, cookie = "multipart/form-data; boundary=b", {"Cookie": "csrftoken=" + "a" * 32}
    answer = Client().generic("POST", path, b"", content_type=form, headers=cookie, **environment)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert body.taken == 0
    assert closed


@pytest.mark.parametrize("framing", [{"CONTENT_LENGTH": str(400 * 1024 * 1024)}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_of_a_press_only_the_beginning_is_read(phone: APIClient, framing: dict[str, str]) -> None:
    """Nothing refuses an SOS, and nobody makes us read, keep or store more than the bound."""
    for client, status in ((phone, 201), (APIClient(), 401)):
        closed: list[int] = []
        body = Endless()
        connection = SimpleNamespace(shutdown=closed.append, settimeout=lambda seconds: None)
        environment: dict[str, Any] = {"wsgi.input": body, "gunicorn.socket": connection} | framing
        answer = client.generic("POST", URL, "", "multipart/form-data; boundary=b", **environment)
        assert answer.status_code == status
        assert body.taken <= 64 * 1024 + 1
        assert closed


def test_a_body_without_a_length_is_read_up_to_its_bound(phone: APIClient) -> None:
    """Found: Django read nothing of a chunked body, and gunicorn discarded all of it. Now: at most the bound."""
    endless = Endless()
    chunked: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "wsgi.input": endless}
    answer = Client().generic("POST", "/admin/login/", b"", **chunked)
    assert answer.status_code == 413
    assert endless.taken <= 64 * 1024 + 1
    chunked["wsgi.input"] = io.BytesIO(b'{"latitude": 42.87, "longitude": 74.57}')
    pressed = phone.generic("POST", URL, "", "application/json", **chunked)
    assert (pressed.status_code, pressed.data["latitude"]) == (201, 42.87)


def test_forms_take_no_files(tmp_path: Path, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    file = io.BytesIO(b"x" * 10_000)
    file.name = "x"
    Client().post("/admin/login/", {"username": "x", "password": "y", "file": file})
    assert list(tmp_path.iterdir()) == []
