"""One account, or a stranger, asks for much: what it costs everybody else, and that an SOS is never refused.

Each docstring says what an audit found and what holds now. tests/security/test_worst_account.py shows it all together.
"""

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.evidence import formats, limits
from alerts.models import AlertPosition, Evidence, SosAlert, Upload
from alerts.owner import even_timing
from config import document, fair_share, health
from config.fair_share import Shares
from geo.models import Fix
from identity.api import idempotency, person_limits
from identity.api.rates import Limit
from identity.devices import credentials
from identity.models import EmergencyContact, IdempotencyRecord, Platform, User
from messaging.database import clock
from tests.alerts.evidence import files
from tests.alerts.evidence.tus import TUS, create, patch, path_of
from tests.alerts.typed import SAFE_PIN, set_pins
from tests.signed_in import bearer

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


def app(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def aida() -> User:
    aida = User.objects.create(phone_number="+996555123456", first_name="Aida", last_name="Asanova", language="en")
    names = [f"Kanykei {chr(65 + number)}" for number in range(20)]
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=aida, name=name, phone_number=f"+9967001000{order:02}", language="en", order=order)
        for order, name in enumerate(names)
    )
    return aida


@pytest.fixture
def phone(aida: User) -> APIClient:
    return app(aida)


@pytest.fixture
def alert(phone: APIClient) -> str:
    return str(phone.post(URL, {}, format="json").data["id"])


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT, settings.EVIDENCE_FREE_MB = str(tmp_path / "media"), 0
    return tmp_path / "media"


@pytest.fixture
def lowered() -> Iterator[Any]:
    """Lower a limit for the length of a test."""
    before: list[tuple[Limit, int]] = []

    def lower(limit: Limit, times: int) -> None:
        before.append((limit, limit.times))
        object.__setattr__(limit, "times", times)

    yield lower
    for limit, times in before:
        object.__setattr__(limit, "times", times)


# -- Files ----------------------------------------------------------------------------------------------------


def nested_moov() -> bytes:
    boxes = b"".join((8 * (3_000 - level)).to_bytes(4, "big") + b"moov" for level in range(3_000))
    return files.box(b"ftyp", b"isom" + bytes(4) + b"isom") + files.box(b"mdat", b"") + boxes


def test_a_nested_file_is_refused_and_leaves_no_upload(phone: APIClient, alert: str) -> None:
    """Found: 24 KB of nested `moov` gave 500, and the upload was locked (423) for ten minutes. Now: 415, and gone."""
    content = nested_moov()
    path = path_of(create(phone, alert, len(content)))
    answer = patch(phone, path, content, 0)
    assert (answer.status_code, answer.json()["code"]) == (415, "type_refused")
    assert phone.head(path, headers=TUS).status_code == 404
    assert not Upload.objects.exists()


def test_whatever_a_reader_raises_is_a_refusal(phone: APIClient, alert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(formats, "_SIGNATURES", ((0, b"", fail),))
    answer = patch(phone, path := path_of(create(phone, alert, 8)), b"12345678", 0)
    assert (answer.status_code, answer.json()["code"]) == (415, "type_refused")
    assert phone.delete(path, headers=TUS).status_code == 404


def test_an_upload_that_fails_otherwise_is_not_locked(
    phone: APIClient, alert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk did not give the file back: the next request tries again at once."""
    content = files.mp4(b"vide")
    path = path_of(create(phone, alert, len(content)))
    with monkeypatch.context() as broken:
        broken.setattr(formats, "recognise", lambda *_, **__: (_ for _ in ()).throw(OSError))
        assert patch(phone, path, content, 0).status_code == 507
    assert Upload.objects.get().finishing_at is None
    assert phone.head(path, headers=TUS)["Evidence-Id"]


def _noting(seen: list[int], call: Any) -> Any:
    """The call, which notes each use."""

    def noted(*args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return call(*args, **kwargs)

    return noted


def test_the_same_bytes_are_not_read_again(phone: APIClient, alert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: identical bytes were examined each time, so quotas never stopped it. Now: they are found by their hash."""
    seen: list[int] = []
    recognise = formats.recognise
    monkeypatch.setattr(formats, "recognise", _noting(seen, recognise))
    for _ in range(3):
        file = io.BytesIO(files.amr())
        file.name = "a.amr"
        assert phone.post(f"{URL}{alert}/upload_audio/", {"audio": file}, format="multipart").status_code in (200, 201)
    assert len(seen) == Evidence.objects.count() == 1


# -- Ends -----------------------------------------------------------------------------------------------------


def test_the_end_of_an_alert_that_does_not_exist_holds_no_thread(phone: APIClient, aida: User) -> None:
    """Found: each slept 0.25 s in a request's thread; 42 a second took an SOS from 472 to 1951 ms. Now: no sleep."""
    set_pins(aida)
    began = time.monotonic()
    for _ in range(20):
        assert phone.post(f"{URL}{uuid4()}/cancel/", {"pin": "1234"}, format="json").status_code == 404
    assert time.monotonic() - began < 20 * even_timing.STEP_S / 2


def test_ends_with_a_pin_wait_in_a_quarter_of_the_threads(
    phone: APIClient, aida: User, alert: str, settings: Any
) -> None:
    """Found: every thread could wait. Now: a quarter; the rest is told to try again, and the alert goes on."""
    set_pins(aida)
    slots = max(1, settings.WEB_THREADS // 4)
    with ExitStack() as waiting:
        for _ in range(slots):
            waiting.enter_context(even_timing.in_steps(wanted=True))
        answers = [phone.post(f"{URL}{alert}/cancel/", {"pin": pin}, format="json") for pin in (SAFE_PIN, "0000")]
        assert phone.post(URL, {}, format="json").status_code == 200
    assert {(answer.status_code, answer.json()["code"], answer["Retry-After"]) for answer in answers} == {
        (503, "ends_busy", "1")
    }
    assert SosAlert.objects.get().status == "active"


def test_ends_are_limited_for_each_person(phone: APIClient, alert: str, lowered: Any) -> None:
    """Found: no limit. Now: 60 in a minute, counted before anything is looked up."""
    lowered(person_limits.ENDS, 3)
    answers = [phone.post(f"{URL}{uuid4()}/resolve/", format="json").status_code for _ in range(5)]
    assert answers == [404, 404, 404, 429, 429]
    assert phone.post(f"{URL}{alert}/resolve/", format="json").status_code == 429
    assert phone.post(URL, {}, format="json").status_code == 200


# -- Public pages ---------------------------------------------------------------------------------------------


@pytest.fixture
def unmade(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A process that has not made the document yet; each making is noted."""
    makings: list[int] = []
    monkeypatch.setattr(document, "_made", _noting(makings, document._made))
    monkeypatch.setattr(document, "_documents", {})
    return makings


def test_the_schema_is_made_once(unmade: list[int]) -> None:
    """Found: public, and made anew each time: 1.1 s; 48 at once kept an SOS waiting for 11 s. Now: once for a
    process, by another process of the lowest priority."""
    first = Client().get("/api/schema/")
    began = time.monotonic()
    for _ in range(20):
        assert Client().get("/api/schema/", headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert time.monotonic() - began < 1
    as_json = Client().get("/api/schema/?format=json")
    assert as_json.json()["openapi"].startswith("3.")
    assert first.content.startswith(b"openapi: 3.")
    assert len(unmade) == 1


def test_while_one_thread_makes_the_schema_the_others_are_free(
    unmade: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []

    def meanwhile() -> tuple[str, str]:
        other = Thread(target=lambda: answers.append(Client().get("/api/schema/")))
        other.start()
        other.join(timeout=10)
        return "openapi: 3.0.3", "{}"

    monkeypatch.setattr(document, "_made", meanwhile)
    assert Client().get("/api/schema/").status_code == 200
    assert (answers[0].status_code, answers[0]["Retry-After"]) == (503, "2")


def test_readiness_reads_the_migrations_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: the graph of migrations was built each time, 53 ms. Now: their names are kept; one query asks for them."""
    Client().get("/readyz")

    def fail(*_: object) -> None:
        raise AssertionError("the migrations were read again")

    monkeypatch.setattr(health, "MigrationLoader", fail)
    with CaptureQueriesContext(connection) as queries:
        assert Client().get("/readyz").json()["migrations"] == "ok"
    assert len(queries) <= 3


# -- Limits ---------------------------------------------------------------------------------------------------


def test_batches_of_fixes_are_limited(phone: APIClient, lowered: Any) -> None:
    """Found: 40,000 rows in 19 s from 0.11 MiB, without limit. Now: 60 batches in five minutes."""
    assert person_limits.BATCHES.times * 1_000 / person_limits.BATCHES.window.total_seconds() <= 200
    lowered(person_limits.BATCHES, 2)
    now = clock.now()
    for expected in (201, 201, 429):
        fix = {"latitude": 42.87, "longitude": 74.57, "recorded_at": now.isoformat(), "id": str(uuid4())}
        answer = phone.post("/api/v1/locations/batch/", {"locations": [fix]}, format="json")
        assert answer.status_code == expected, answer.data
    assert Fix.objects.count() == 2
    assert answer["Retry-After"]


@pytest.mark.parametrize(
    ("limit", "path", "body"),
    [
        ("FIXES", "locations/", {}),
        ("ALERT_BATCHES", "sos-alerts/{alert}/locations/batch/", {"locations": []}),
        ("FILES", "sos-alerts/{alert}/uploads/", {}),
        ("FILES", "sos-alerts/{alert}/upload_photo/", {}),
        ("HEARTBEATS", "timers/{alert}/heartbeat/", {}),
        ("CHANGES", "timers/", {}),
        ("CHANGES", "geozones/", {}),
        ("CHANGES", "blueprints/", {}),
        ("CHANGES", "me/contacts/", {}),
        ("CHANGES", "me/devices/", {}),
    ],
)
def test_every_creating_post_is_limited_and_no_sos_is(
    phone: APIClient, alert: str, lowered: Any, limit: str, path: str, body: dict[str, Any]
) -> None:
    """Found: most had no limit. Now: each has one, also for refused bodies, and none of them counts a press."""
    for name in ("CHANGES", "FIXES", "BATCHES", "ALERT_BATCHES", "HEARTBEATS", "PIECES", "FILES", "ENDS"):
        lowered(getattr(person_limits, name), 0 if name == limit else 1_000)
    answer = phone.post(f"/api/v1/{path.format(alert=alert)}", body, format="json", headers=TUS)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    for _ in range(5):
        assert phone.post(URL, {"latitude": 42.87, "longitude": 74.57}, format="json").status_code == 200
    assert AlertPosition.objects.count() == 5


def test_a_stolen_credential_uses_up_nothing_of_its_persons_own(
    aida: User, phone: APIClient, alert: str, lowered: Any
) -> None:
    lowered(person_limits.FILES, 1)
    stolen = credentials.register(person=aida, session_id=None, name="stolen", platform=Platform.IOS, now=clock.now())
    thief = APIClient(headers={"X-SOS-Credential": stolen.credential})
    assert [create(thief, alert).status_code for _ in range(2)] == [201, 429]
    assert create(phone, alert).status_code == 201


# -- A share of the process -----------------------------------------------------------------------------------


@pytest.fixture
def served(aida: User) -> Any:
    """Ask as gunicorn would, signed in."""
    client = Client(headers={"Authorization": bearer(aida)})
    environment: Any = {"gunicorn.socket": SimpleNamespace(shutdown=lambda how: None)}

    def ask(method: str, path: str, **kwargs: Any) -> Any:
        return getattr(client, method)(path, **environment, **kwargs)

    return ask


def test_requests_beyond_a_persons_share_ask_nothing_of_the_database(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found: an account could keep every thread busy. Now: 0.5 s of processor, then 0.05 s in each second."""
    monkeypatch.setattr(fair_share, "PER_SECOND", 0)
    monkeypatch.setattr(fair_share, "BURST_S", 0.001)
    assert served("get", "/api/v1/me/contacts/").status_code == 200
    with CaptureQueriesContext(connection) as queries:
        over = served("get", "/api/v1/me/contacts/")
    assert (over.status_code, over["Retry-After"], len(queries)) == (429, "1", 0)
    press = served("post", URL, data={}, content_type="application/json")
    assert press.status_code == 201
    # Positions have a share of their own.
    assert served("get", f"{URL}{press.json()['id']}/locations/").status_code == 200


def test_a_file_that_is_streamed_is_charged_when_it_was_written(aida: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_share, "PER_SECOND", 0)
    monkeypatch.setattr(fair_share, "AT_ONCE", 1)
    get_response: Any = lambda request: StreamingHttpResponse(iter(["gpx"]))  # noqa: E731
    serve = fair_share.FairShareMiddleware(get_response)
    request = RequestFactory().get("/api/v1/locations/gpx/", headers={"Authorization": bearer(aida)})
    request.META["gunicorn.socket"] = None
    first = serve(request)
    assert serve(request).status_code == 429
    for closer in first._resource_closers:  # type: ignore[attr-defined]
        closer()
    assert serve(request).status_code == 200


def test_a_share_comes_back_and_is_each_persons_own() -> None:
    shares = Shares()
    assert all(shares.enter("aida", now=0) for _ in range(fair_share.AT_ONCE))
    assert not shares.enter("aida", now=0)
    assert shares.enter("bek", now=0)
    for _ in range(fair_share.AT_ONCE):
        shares.leave("aida", cost_s=fair_share.BURST_S)
    debt = (fair_share.AT_ONCE - 1) * fair_share.BURST_S / fair_share.PER_SECOND
    assert not shares.enter("aida", now=debt - 0.1)
    assert shares.enter("aida", now=debt + 1)
    assert not shares.enter("aida", now=debt + 1)
    shares.leave("aida", cost_s=0)
    assert shares.enter("aida", now=debt + 1)


def test_nobody_uses_up_the_share_of_somebody_else(served: Any, aida: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forged token that names the person is not charged to them."""
    monkeypatch.setattr(fair_share, "PER_SECOND", 0)
    monkeypatch.setattr(fair_share, "BURST_S", 0.001)
    forged = bearer(aida).removeprefix("Bearer ")[:-4] + "AAAA"
    for _ in range(5):
        assert served("get", "/api/v1/me/", headers={"Authorization": f"Bearer {forged}"}).status_code == 401
    assert served("get", "/api/v1/me/contacts/").status_code == 200


# -- Idempotency-Keys -----------------------------------------------------------------------------------------


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


# -- Bodies ---------------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A body that says how much of it was read."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "read without a bound"
        self.taken += size
        return b"x" * size


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/a/abcdefghijklmnopqrstuv/answer", "/nowhere", "/api/v1/webhooks/twilio/inbound/", URL]
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


# -- The disk -------------------------------------------------------------------------------------------------


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says how many MiB the disk has free."""

    def says(mib: float) -> None:
        usage = SimpleNamespace(free=int(mib * limits.MIB))
        monkeypatch.setattr("alerts.evidence.limits.shutil.disk_usage", lambda _: usage)

    return says


def test_uploads_count_what_others_have_reserved(phone: APIClient, alert: str, free: Any) -> None:
    """Found: 100 MiB above the floor, 16 uploads of 60 MiB were accepted. Now: one."""
    free(100)
    answers = [create(phone, alert, 60 * limits.MIB).status_code for _ in range(3)]
    assert answers == [201, 507, 507]
    Upload.objects.update(offset=50 * limits.MIB)
    free(50)
    assert create(phone, alert, 39 * limits.MIB).status_code == 201


def test_each_block_asks_the_disk(phone: APIClient, alert: str, free: Any, settings: Any) -> None:
    """Found: PATCH never looked, and 784 MiB were written. Now: a block that does not fit is refused; the upload
    stays."""
    settings.EVIDENCE_FREE_MB = 10
    free(100)
    content = files.mp4(b"vide", media=900_000)
    path = path_of(create(phone, alert, len(content)))
    assert patch(phone, path, content[:300_000], 0).status_code == 204
    free(10.1)
    refused = patch(phone, path, content[300_000:], 300_000)
    assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
    free(100)
    assert patch(phone, path, content[300_000:], 300_000).status_code == 204
    file = io.BytesIO(files.wav())
    file.name = "a.wav"
    free(10.0001)
    assert phone.post(f"{URL}{alert}/upload_audio/", {"audio": file}, format="multipart").status_code == 507


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()
