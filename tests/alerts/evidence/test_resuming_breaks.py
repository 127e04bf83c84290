"""Resumable uploads while things break: connections, processes, the disk, and two phones at once."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.http.request import UnreadablePostError
from rest_framework.test import APIClient

from alerts.evidence import blocks, keeping, resuming, spool
from alerts.models import AlertEvent, Evidence, Upload
from identity.models import User
from messaging.database import clock
from messaging.models import OperatorAlarm
from tests.alerts.conftest import app
from tests.alerts.evidence.conftest import arrived, contents, on_disk
from tests.alerts.evidence.tus import FILM, SHA256, TUS, offset_of, patch
from tests.race import at_once

pytestmark = pytest.mark.django_db


class Breaking(io.BytesIO):
    """The body of a phone that loses its connection after this many bytes."""

    def __init__(self, content: bytes, after: int) -> None:
        super().__init__(content[:after])

    def read(self, size: int | None = -1, /) -> bytes:
        read = super().read(size)
        if not read:
            raise UnreadablePostError
        return read


def test_what_arrived_before_a_break_counts(phone: APIClient, begun: str) -> None:
    upload = Upload.objects.get()
    broken = resuming.append(upload, Breaking(FILM, 700_001), offset=0, length=len(FILM), checksum=None)
    assert broken.offset == offset_of(phone, begun) == 700_001
    assert patch(phone, begun, FILM[700_001:], 700_001).status_code == 204
    assert Evidence.objects.get().sha256 == SHA256


def test_what_a_killed_process_wrote_beyond_its_commit_is_written_again(
    phone: APIClient, begun: str, media: Path
) -> None:
    patch(phone, begun, FILM[:1000], 0)
    spool.add(Upload.objects.get(), b"\xee" * 5_000)
    assert offset_of(phone, begun) == 1000
    assert patch(phone, begun, FILM[1000:], 1000).status_code == 204
    assert contents(media) == [FILM]


def test_a_file_that_a_crash_of_the_machine_shortened_goes_on_from_its_end(phone: APIClient, begun: str) -> None:
    patch(phone, begun, FILM[: 5 * blocks.BLOCK + 99], 0)
    path = spool.path(Upload.objects.get().id)
    path.write_bytes(path.read_bytes()[: 4 * blocks.STORED_BLOCK - 1])
    assert offset_of(phone, begun) == 3 * blocks.BLOCK
    path.unlink()
    assert offset_of(phone, begun) == 0
    assert patch(phone, begun, FILM, 0).status_code == 204
    assert Evidence.objects.get().sha256 == SHA256


def test_a_head_request_completes_an_end_that_broke_off(
    phone: APIClient, begun: str, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(keeping, "_record", die)  # The file is in the storage, and its row is not written yet.
        with pytest.raises(KeyboardInterrupt):
            patch(phone, begun, FILM, 0)
    assert not Evidence.objects.exists()
    assert phone.head(begun, headers=TUS).status_code == 423
    Upload.objects.update(finishing_at=clock.now() - keeping.FINISHING_FOR)
    assert phone.head(begun, headers=TUS)["Evidence-Id"] == str(Evidence.objects.get().id)
    assert contents(media) == [FILM]


@pytest.mark.django_db(transaction=True)
def test_two_phones_that_send_the_same_piece_never_mix_bytes(begun: str, ana: User, media: Path) -> None:
    """One sends the film and one sends other bytes of the same length. Every block on disk is one of the two, and
    whole."""
    other = bytes(len(FILM))

    def send(content: bytes) -> Callable[[], Any]:
        return lambda: patch(app(ana), begun, content[:800_000], 0)

    answers = at_once(send(FILM), send(other), send(FILM))
    assert {answer.status_code for answer in answers} <= {204, 409}
    stands = Upload.objects.get().offset
    written = arrived(Upload.objects.get())
    assert len(written) == stands
    block = 256 * 1024
    for start in range(0, stands, block):
        piece = slice(start, min(start + block, stands))
        assert written[piece] in (FILM[piece], other[piece])


@pytest.mark.django_db(transaction=True)
def test_two_phones_that_finish_at_once_make_one_evidence(begun: str, ana: User, media: Path) -> None:
    upload = Upload.objects.get()
    spool.add(upload, FILM)
    upload.save(update_fields=["offset", "beginning"])
    heads = at_once(*[lambda: app(ana).head(begun, headers=TUS)] * 4)
    assert {head.status_code for head in heads} <= {200, 423}
    assert Evidence.objects.count() == len(on_disk(media)) == 1
    assert AlertEvent.objects.filter(kind="evidence_added").count() == 1


def test_a_storage_that_fails_is_tried_again(
    phone: APIClient, begun: str, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(FileSystemStorage, "_save", fail)
        answer = patch(phone, begun, FILM, 0)
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert OperatorAlarm.objects.get().code == "evidence_storage_failed"
    assert phone.head(begun, headers=TUS)["Evidence-Id"] == str(Evidence.objects.get().id)
    assert contents(media) == [FILM]
