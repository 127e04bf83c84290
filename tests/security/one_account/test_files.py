"""Recordings and photos: files that cost much to read, and the disk."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.test import APIClient

from alerts.evidence import formats, limits
from alerts.models import Evidence, Upload
from tests.alerts.evidence import files
from tests.alerts.evidence.tus import TUS, create, patch, path_of
from tests.security.one_account.conftest import URL, noting

pytestmark = pytest.mark.django_db


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


def test_the_same_bytes_are_not_read_again(phone: APIClient, alert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: identical bytes were examined each time, so quotas never stopped it. Now: they are found by their hash."""
    seen: list[int] = []
    recognise = formats.recognise
    monkeypatch.setattr(formats, "recognise", noting(seen, recognise))
    for _ in range(3):
        file = io.BytesIO(files.amr())
        file.name = "a.amr"
        assert phone.post(f"{URL}{alert}/upload_audio/", {"audio": file}, format="multipart").status_code in (200, 201)
    assert len(seen) == Evidence.objects.count() == 1


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
