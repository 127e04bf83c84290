"""No file of evidence lies on the disk in plain, whole or in parts (Promise 10).

Found by reading: recordings and photos, and the parts of unfinished uploads, were plain files in MEDIA_ROOT.
"""

import os
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from alerts.evidence import blocks, keeping, resuming, spool
from alerts.evidence.blocks import BLOCK, STORED_BLOCK, Damaged, stored_size
from alerts.exports.verification import verify
from alerts.models import Evidence, Upload
from messaging.database import clock
from messaging.models import OperatorAlarm
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send, arrived, contents, on_disk
from tests.alerts.evidence.downloads import body
from tests.alerts.evidence.test_blocks import SIZES
from tests.alerts.evidence.tus import FILM, create, offset_of, patch, path_of

pytestmark = pytest.mark.django_db

OTHER_KEY = "another-data-key-of-more-than-fifty-characters-0123456789-0123456789"


def film() -> bytes:
    """An MP4 whose every part can be recognised."""
    payload = os.urandom(200_000)
    return files.box(b"ftyp", b"isom" + bytes(4)) + files.box(b"mdat", payload) + files.index(b"vide")


def found_in(there: bytes, content: bytes) -> list[int]:
    """Where parts of the content, taken everywhere in it, lie in the other bytes."""
    starts = range(0, len(content) - 24, 499)
    return [start for start in starts if content[start : start + 24] in there]


def test_a_played_story_leaves_no_plain_byte(phone: APIClient, alert: str, media: Path, send: Send) -> None:
    """One film in one request, one in pieces, one in pieces of which the last has not come, and a photo."""
    whole, in_pieces, unfinished = film(), film(), film()
    assert (send(whole, "video").status_code, send(files.jpeg(), "photo").status_code) == (201, 201)
    for content, end in ((in_pieces, len(in_pieces)), (unfinished, 150_000)):
        url = path_of(create(phone, alert, length=len(content)))
        for start in range(0, end, 30_001):
            assert patch(phone, url, content[start : min(start + 30_001, end)], start).status_code == 204
    assert offset_of(phone, url) == 150_000
    there = b"".join(path.read_bytes() for path in on_disk(media)) + in_the_database()
    assert len(there) > 550_000
    for content in (whole, in_pieces, unfinished, files.jpeg()):
        assert found_in(there, content) == []
    assert found_in(whole, whole)
    assert sorted(contents(media / "sos")) == sorted([whole, in_pieces, files.jpeg()])


def in_the_database() -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(beginning, ''), string_agg(file_key, '') FROM alerts_upload")
        uploads = b"".join(bytes(column) for column in cursor.fetchone())
        cursor.execute("SELECT string_agg(file_key, '') FROM alerts_evidence")
        return uploads + b"".join(bytes(column) for column in cursor.fetchone())


def test_a_file_written_while_its_size_is_unknown_is_the_same(alert: str) -> None:
    for size in SIZES:
        for step in (1_000, BLOCK, 70_001):
            upload = _upload(alert, length=10**6)
            content = os.urandom(size)
            with closing(spool.Spooling(upload)) as file:
                for start in range(0, size, step):
                    file.write(content[start : start + step])
                file.finish()
            assert spool.path(upload.id).stat().st_size == stored_size(size)
            with closing(spool.opened(upload, size=size)) as opened:
                assert opened.read(size + 1) == content


@pytest.mark.parametrize("step", [1, BLOCK - 1, BLOCK, BLOCK + 1, 100_003])
def test_pieces_of_any_size_make_the_same_file(alert: str, step: int) -> None:
    content = os.urandom(60 if step == 1 else 5 * BLOCK + 60)
    upload = _upload(alert, length=len(content))
    for start in range(0, len(content), step):
        assert upload.offset == start
        assert arrived(upload) == content[:start]
        spool.add(upload, content[start : start + step])
        spool.trust(upload)
    assert (upload.offset, upload.beginning) == (len(content), b"")
    with closing(spool.opened(upload, size=len(content))) as opened:
        assert opened.read(len(content) + 1) == content


def test_a_write_that_a_kill_cut_short_harms_no_acknowledged_byte(alert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes before the offset are committed. A process is killed after any number of bytes of its next write."""
    content = os.urandom(4 * BLOCK)
    for acknowledged in (1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7):
        for reached in (0, 1, STORED_BLOCK - 1, STORED_BLOCK, 2 * STORED_BLOCK + 5):
            upload = _upload(alert, length=len(content))
            spool.add(upload, content[:acknowledged])
            committed = upload.offset, upload.beginning
            write = spool._write

            def cut(upload_id: Any, stored: bytes, *, at: int, write: Any = write, reached: int = reached) -> None:
                write(upload_id, stored[:reached], at=at)

            with monkeypatch.context() as killed:
                killed.setattr(spool, "_write", cut)
                spool.add(upload, os.urandom(len(content) - acknowledged))
            upload.offset, upload.beginning = committed
            spool.trust(upload)
            assert (upload.offset, upload.beginning) == committed
            spool.add(upload, content[acknowledged:])
            with closing(spool.opened(upload, size=len(content))) as opened:
                assert opened.read(len(content)) == content


def test_blocks_lost_in_a_crash_of_the_machine_end_the_upload(phone: APIClient, begun: str, media: Path) -> None:
    """The file has its size, but the disk never got some blocks: the phone is told to send the file again."""
    patch(phone, begun, FILM[:500_000], 0)
    path = spool.path(Upload.objects.get().id)
    path.write_bytes(bytes(len(path.read_bytes())))
    last = patch(phone, begun, FILM[offset_of(phone, begun) :], offset_of(phone, begun))
    assert (last.status_code, last.json()["code"]) == (422, "file_truncated")
    assert on_disk(media) == []
    assert not Upload.objects.exists()


def test_nobody_reads_a_file_without_its_key(send: Send, settings: Any) -> None:
    url = urlsplit(send(files.wav()).json()["audio_url"]).path
    assert body(Client().get(url)) == files.wav()
    settings.DATA_KEYS = [OTHER_KEY]
    answer = Client().get(url)
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert OperatorAlarm.objects.get().code == "evidence_unreadable"


def test_keys_lost_in_the_middle_of_an_upload_lose_no_byte(phone: APIClient, begun: str, settings: Any) -> None:
    patch(phone, begun, FILM[:1000], 0)
    before = settings.DATA_KEYS
    settings.DATA_KEYS = [OTHER_KEY]
    assert patch(phone, begun, FILM[1000:], 1000).json()["code"] == "storage_full"
    settings.DATA_KEYS = before
    assert patch(phone, begun, FILM[1000:], 1000).status_code == 204


def test_damage_in_the_middle_of_a_response_is_an_alarm(send: Send, media: Path) -> None:
    content = film()
    url = urlsplit(send(content, "video").json()["video_url"]).path
    [path] = on_disk(media)
    path.chmod(0o600)
    stored = bytearray(path.read_bytes())
    stored[10 * STORED_BLOCK] ^= 1
    path.write_bytes(stored)
    with pytest.raises(Damaged):
        body(Client().get(url))
    assert OperatorAlarm.objects.get().code == "evidence_unreadable"
    # A range of sound blocks is still served.
    assert body(Client().get(url, headers={"Range": "bytes=0-99"})) == content[:100]


def test_two_rows_that_changed_their_files_are_noticed(send: Send) -> None:
    """Somebody with the database and the disk shows one recording in place of another."""
    for content in (files.wav(), files.ogg()):
        send(content)
    one, other = Evidence.objects.order_by("id")
    one.name, one.file_key, one.size = other.name, other.file_key, other.size
    with closing(keeping.opened(one)) as file, pytest.raises(Damaged):
        file.read(10)


def test_exports_hold_the_plain_bytes(phone: APIClient, send: Send, alert: str) -> None:
    send(files.wav())
    exported = body(phone.get(f"{URL}{alert}/export/"))
    assert files.wav() in exported
    assert verify(BytesIO(exported)).problems == []


def test_while_a_process_of_the_release_before_runs_files_are_written_plain(
    phone: APIClient, send: Send, settings: Any, media: Path, begun: str
) -> None:
    patch(phone, begun, FILM[:1000], 0)
    settings.DATA_KEYS = ["plain", *settings.DATA_KEYS]
    send(files.wav())
    assert on_disk(media / "sos")[0].read_bytes() == files.wav()
    # An upload goes on as it was begun, and encrypted files are read.
    assert patch(phone, begun, FILM[1000:], 1000).status_code == 204
    assert FILM in contents(media)


def test_a_slow_phone_needs_no_whole_block(phone: APIClient, begun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "_BLOCK_S", 0)
    half = resuming.append(Upload.objects.get(), BytesIO(FILM[:50_001]), offset=0, length=50_001, checksum=None)
    assert (half.offset, arrived(half)) == (50_001, FILM[:50_001])


def _upload(alert: str, *, length: int) -> Upload:
    now = clock.now()
    return Upload.objects.create(
        alert_id=alert,
        kind="audio",
        length=length,
        is_resumable=True,
        file_key=blocks.new_key(),
        created_at=now,
        expires_at=now,
    )
