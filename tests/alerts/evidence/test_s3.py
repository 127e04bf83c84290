"""Evidence in a bucket, over HTTP, in an S3-compatible server that runs in its own process."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3
import pytest
from django.core.files.base import ContentFile
from django.test import Client
from rest_framework.test import APIClient

from alerts.evidence import keeping, limits, retention, s3
from alerts.models import Evidence, Upload
from deploy.local.processes import free_port, wait_until
from messaging.database import clock
from messaging.models import OperatorAlarm
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send, on_disk
from tests.alerts.evidence.downloads import body

KEYS = {"region_name": "us-east-1", "access_key": "key", "secret_key": "a-secret-for-tests"}
CONTENT = files.mp4(b"vide", media=20 * limits.MIB)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of the running server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: _answers(f"{url}/moto-api/"), timeout_s=60)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def bucket(server: str, settings: Any) -> Any:
    """The bucket of the evidence, as another client sees it."""
    use(settings, server)
    secrets = {"aws_access_key_id": KEYS["access_key"], "aws_secret_access_key": KEYS["secret_key"]}
    made = boto3.resource("s3", endpoint_url=server, region_name="us-east-1", **secrets).Bucket("evidence")
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()


def use(settings: Any, url: str, name: str = "evidence") -> None:
    options = {"bucket_name": name, "endpoint_url": url} | KEYS
    evidence = {"BACKEND": "alerts.evidence.s3.Bucket", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"evidence": evidence}


def path_of(answer: Any) -> str:
    return str(urlsplit(answer.json()["url"]).path)


def test_it_is_kept_in_the_bucket_and_nowhere_else(bucket: Any, send: Send, media: Path) -> None:
    answer = send(files.wav())
    assert answer.status_code == 201
    (kept,) = bucket.objects.all()
    assert kept.key == Evidence.objects.get().name
    assert kept.get()["Body"].read()[:4] != files.wav()[:4]  # Encrypted before it leaves this machine.
    assert on_disk(media) == []
    assert send(files.wav()).status_code == 200
    assert body(Client().get(path_of(answer))) == files.wav()


def test_a_resumable_upload_ends_there_too(bucket: Any, phone: APIClient, alert: str, media: Path) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    content = files.wav()
    begun = phone.post(
        f"{URL}{alert}/uploads/",
        headers=tus | {"Upload-Length": str(len(content)), "Upload-Metadata": "kind YXVkaW8="},
    )
    assert begun.status_code == 201, begun.content
    place = urlsplit(begun["Location"]).path
    for start in (0, 300):
        piece = content[start : 300 if start == 0 else None]
        headers = tus | {"Upload-Offset": str(start)}
        sent = phone.patch(place, piece, content_type="application/offset+octet-stream", headers=headers)
        assert sent.status_code == 204, sent.content
    (kept,) = bucket.objects.all()
    assert kept.key == Evidence.objects.get().name
    with closing(keeping.opened(Evidence.objects.get())) as file:
        assert file.read(len(content) + 1) == content
    assert on_disk(media) == []


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-0", 0, 1), ("bytes=100-", 100, None), ("bytes=-500", -500, None)]
)
def test_ranges(bucket: Any, send: Send, asked: str, start: int, end: int | None) -> None:
    content = files.mp4(b"vide", media=200_000)
    answer = Client().get(path_of(send(content, "video")), headers={"Range": asked})
    assert (answer.status_code, body(answer)) == (206, content[start:end])


def test_no_file_is_ever_whole_in_memory_or_on_disk(bucket: Any, send: Send, media: Path) -> None:
    sent = send(CONTENT, "video")
    assert sent.status_code == 201
    tracemalloc.start()
    try:
        answer: Any = Client().get(path_of(sent))
        size = sum(len(chunk) for chunk in answer.streaming_content)
        _, reading = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        film = keeping.opened(Evidence.objects.get())
        film.seek(len(CONTENT) - 10)
        assert film.read(100) == CONTENT[-10:]
        _, end = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == len(CONTENT)
    assert reading < 6 * limits.MIB
    assert end < 6 * limits.MIB
    assert on_disk(media) == []


def test_a_large_file_goes_there_in_parts(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(CONTENT)
    with (tmp_path / "film").open("rb") as film:
        keeping.storage().exists("warm up")
        tracemalloc.start()
        try:
            keeping.storage().save("a/film.mp4", film)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert bucket.Object("a/film.mp4").e_tag.endswith('-3"')  # Three parts.
    assert peak < 14 * limits.MIB


def test_old_evidence_is_erased_from_the_bucket(bucket: Any, send: Send, phone: APIClient, alert: str) -> None:
    send(files.wav())
    phone.post(f"{URL}{alert}/resolve/")
    later = clock.now() + timedelta(days=400)
    assert retention.purge(now=later) == 2
    assert list(bucket.objects.all()) == []


def test_no_name_is_written_twice(bucket: Any) -> None:
    first = keeping.storage().save("a/x.wav", ContentFile(b"first"))
    second = keeping.storage().save("a/x.wav", ContentFile(b"second"))
    assert first != second
    assert bucket.Object("a/x.wav").get()["Body"].read() == b"first"


@pytest.mark.parametrize("trouble", ["nobody listens", "no such bucket"])
def test_evidence_survives_a_store_in_trouble(
    bucket: Any, server: str, send: Send, settings: Any, trouble: str
) -> None:
    kept = path_of(send(files.jpeg(), "photo"))
    use(settings, "http://127.0.0.1:9" if trouble == "nobody listens" else server, name="another")
    refused = send(files.wav())
    assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
    assert OperatorAlarm.objects.filter(code="evidence_storage_failed").exists()
    answer = Client().get(kept)
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    with pytest.raises(s3.StoreFailed):
        keeping.storage().delete("x")
    use(settings, server)
    keeping.storage().delete("nobody has it")
    assert send(files.wav()).status_code == 201
    assert body(Client().get(kept)) == files.jpeg()


def test_an_export_reads_from_it(bucket: Any, send: Send, phone: APIClient, alert: str) -> None:
    send(files.wav())
    exported = phone.get(f"{URL}{alert}/export/").getvalue()
    assert files.wav() in exported
    for kept in bucket.objects.all():
        kept.delete()
    lost = phone.get(f"{URL}{alert}/export/").getvalue()
    assert f"evidence/{Evidence.objects.get().id}.wav".encode() in lost
    assert OperatorAlarm.objects.filter(code="evidence_unreadable").exists()
    assert not Upload.objects.exists()
