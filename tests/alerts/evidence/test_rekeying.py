"""Files that an earlier release wrote plain are encrypted, and keys are wrapped anew, while everything runs."""

from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from alerts.evidence import keeping, limits, rekeying, retention, spool
from alerts.models import Evidence, Upload
from messaging import encryption
from messaging.database import clock
from messaging.models import OperatorAlarm
from messaging.rotation import Count
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import Send, contents, on_disk
from tests.alerts.evidence.downloads import body
from tests.alerts.evidence.tus import FILM, patch
from tests.race import at_once

pytestmark = pytest.mark.django_db

NEW_KEY = "the-newest-data-key-of-more-than-fifty-characters-0123456789-0123456789"
CONTENTS = (files.mp4(b"vide", media=300_000), files.mp4(b"vide", b"soun", media=1_000))


class Died(BaseException):
    """The process is killed."""


@pytest.fixture
def plain(send: Send, settings: Any) -> list[str]:
    """Two films that an earlier release kept, and their URLs."""
    keys = settings.DATA_KEYS
    settings.DATA_KEYS = ["plain", *keys]
    urls = [str(urlsplit(send(content, "video").json()["video_url"]).path) for content in CONTENTS]
    settings.DATA_KEYS = keys
    assert not Evidence.objects.exclude(file_key=b"").exists()
    return urls


def rotate() -> Count:
    *_, last = rekeying.rotate()
    return last


def etag(url: str) -> str:
    answer: Any = Client().get(url)
    body(answer)  # Until then the response holds a slot.
    return str(answer["ETag"])


def assert_encrypted(urls: list[str], media: Path) -> None:
    assert [body(Client().get(url)) for url in urls] == list(CONTENTS)
    assert sorted(contents(media)) == sorted(CONTENTS)
    there = b"".join(path.read_bytes() for path in on_disk(media))
    assert b"\x5a" * 64 not in there
    assert len(on_disk(media)) == len(urls)
    assert not Evidence.objects.exclude(spare_name="").exists()


def test_plain_files_are_encrypted_and_served_as_before(plain: list[str], media: Path) -> None:
    before = [etag(url) for url in plain]
    count = rotate()
    assert (count.seen, count.changed, count.is_done) == (2, 2, True)
    assert_encrypted(plain, media)
    assert [etag(url) for url in plain] == before
    assert all(path.stat().st_mode & 0o777 == 0o400 for path in on_disk(media))
    again = rotate()
    assert (again.changed, again.is_done) == (0, True)


@pytest.mark.parametrize("step", ["check_disk", "_write", "store", "sha256_of", "_drop_spare"])
def test_a_run_that_dies_anywhere_is_gone_on_with(
    step: str, plain: list[str], media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies before and after each step, once for each of the two files."""
    place: Any = next(each for each in (rekeying, keeping, limits) if hasattr(each, step))
    real = getattr(place, step)
    for dies_after in (False, True):

        def die(*args: Any, dies_after: bool = dies_after, **given: Any) -> None:
            if dies_after:
                real(*args, **given)
            raise Died

        with monkeypatch.context() as killed:
            killed.setattr(place, step, die)
            with pytest.raises(Died):
                rotate()
        assert [body(Client().get(url)) for url in plain] == list(CONTENTS)
    assert rotate().is_done
    assert_encrypted(plain, media)


def test_who_read_the_row_before_reads_the_file_after(plain: list[str]) -> None:
    read_before = list(Evidence.objects.order_by("id"))
    with closing(keeping.opened(read_before[0])) as open_before:
        assert open_before.read(100) == CONTENTS[0][:100]
        rotate()
        assert open_before.read(len(CONTENTS[0])) == CONTENTS[0][100:]
    for evidence, content in zip(read_before, CONTENTS, strict=True):
        with closing(keeping.opened(evidence)) as file:
            assert file.read(evidence.size) == content


def test_a_file_that_is_not_the_one_that_arrived_stays(plain: list[str], media: Path) -> None:
    """It is evidence too, and nobody could say later how it was."""
    evidence = Evidence.objects.earliest("id")
    path = media / evidence.name
    path.chmod(0o600)
    path.write_bytes(CONTENTS[0][:-1] + b"x")
    count = rotate()
    assert (count.changed, count.unreadable, count.is_done) == (1, 1, False)
    assert path.read_bytes() == CONTENTS[0][:-1] + b"x"
    assert OperatorAlarm.objects.get().code == "evidence_unreadable"
    assert len(on_disk(media)) == 2
    assert not Evidence.objects.exclude(spare_name="").exists()


def test_a_disk_without_room_is_left_alone(plain: list[str], settings: Any, media: Path) -> None:
    settings.EVIDENCE_FREE_MB = 10**9
    count = rotate()
    assert (count.changed, count.held, count.is_done) == (0, 2, False)
    assert [body(Client().get(url)) for url in plain] == list(CONTENTS)


def test_evidence_that_is_erased_meanwhile_leaves_no_file(
    plain: list[str], media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rekeying._write

    def erase(evidence: Evidence, key: bytes) -> None:
        real(evidence, key)
        Evidence.objects.update(erased_at=clock.now())

    monkeypatch.setattr(rekeying, "_write", erase)
    assert rotate().changed == 0
    retention.purge(now=clock.now())
    assert on_disk(media) == []
    assert list(Evidence.objects.values_list("name", "spare_name", "file_key")) == [("", "", b"")] * 2


def test_a_spare_file_goes_with_erased_evidence(plain: list[str], media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as killed:
        killed.setattr(rekeying, "_drop_spare", lambda evidence: die() if evidence.spare_name else None)
        with pytest.raises(Died):
            rotate()
    assert len(on_disk(media)) == 3
    Evidence.objects.update(erased_at=clock.now())
    retention.purge(now=clock.now())
    assert on_disk(media) == []


def test_an_erased_file_has_lost_its_key(send: Send) -> None:
    send(files.wav())
    Evidence.objects.update(erased_at=clock.now())
    retention.purge(now=clock.now())
    assert bytes(Evidence.objects.get().file_key) == b""


def test_keys_are_wrapped_under_the_newest_and_the_old_one_may_go(
    send: Send, phone: APIClient, begun: str, settings: Any
) -> None:
    url = urlsplit(send(files.wav()).json()["audio_url"]).path
    patch(phone, begun, FILM[:50_001], 0)
    settings.DATA_KEYS = [NEW_KEY, *settings.DATA_KEYS]
    assert not encryption.is_current(Evidence.objects.get().file_key)
    count = rotate()
    assert (count.seen, count.changed, count.is_done) == (2, 2, True)
    settings.DATA_KEYS = [NEW_KEY]
    assert body(Client().get(url)) == files.wav()
    assert patch(phone, begun, FILM[50_001:], 50_001).status_code == 204


def test_a_key_that_is_gone_is_counted(send: Send, settings: Any) -> None:
    send(files.wav())
    settings.DATA_KEYS = [NEW_KEY]
    count = rotate()
    assert (count.changed, count.unreadable, count.is_done) == (0, 1, False)


def test_an_open_plain_upload_asks_for_another_run(phone: APIClient, begun: str, media: Path) -> None:
    Upload.objects.update(file_key=b"")
    patch(phone, begun, FILM[:1000], 0)
    assert rotate().held == 1
    patch(phone, begun, FILM[1000:], 1000)
    assert on_disk(media)[0].read_bytes() == FILM
    count = rotate()
    assert (count.changed, count.is_done) == (1, True)
    assert contents(media) == [FILM]


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_are_one(plain: list[str], media: Path) -> None:
    def run() -> bool:
        return rotate().is_done

    assert any(at_once(run, run, run))
    assert_encrypted(plain, media)


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_grows_meanwhile_loses_nothing(phone: APIClient, begun: str, settings: Any) -> None:
    patch(phone, begun, FILM[:1000], 0)
    settings.DATA_KEYS = [NEW_KEY, *settings.DATA_KEYS]

    def grow() -> None:
        for start in range(1000, 500_000, 49_900):
            patch(phone, begun, FILM[start : start + 49_900], start)
        connection.close()

    at_once(grow, rotate)
    stands = Upload.objects.get().offset
    assert stands == 1000 + 10 * 49_900
    assert patch(phone, begun, FILM[stands:], stands).status_code == 204


def test_what_a_killed_run_left_in_the_spool_goes(plain: list[str]) -> None:
    (spool.folder() / "x.encrypting").write_bytes(b"x")
    rotate()
    assert list(spool.folder().iterdir()) == []


def test_the_command_does_files_too(plain: list[str], settings: Any) -> None:
    said = StringIO()
    call_command("rotatekeys", stdout=said)
    assert "files of evidence: 2 rows, 2 changed" in said.getvalue()
    settings.DATA_KEYS = [NEW_KEY]
    with pytest.raises(CommandError, match="not under the first key"):
        call_command("rotatekeys", stdout=said)
    assert "files of evidence: 2 rows, 0 changed, 0 held by others, 2 unreadable" in said.getvalue()
