"""Evidence that is erased, the time of it, and evidence that nobody can erase."""

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.storage import FileSystemStorage
from django.db.models import ProtectedError
from django.test import Client
from rest_framework.test import APIClient

from alerts.evidence import keeping, limits, retention, spool
from alerts.models import AlertEvent, Evidence, LegalHold, SosAlert, Upload
from config.periodic import PERIODIC
from identity.models import User
from messaging.database import clock
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send, on_disk
from tests.race import at_once

KEPT = timedelta(days=365)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended(send: Send, phone: APIClient, alert: str) -> datetime:
    """The time at which an alert with two files ended."""
    assert (send(files.wav()).status_code, send(files.jpeg(), "photo").status_code) == (201, 201)
    ended_at: Any = datetime.fromisoformat(phone.post(f"{URL}{alert}/resolve/").json()["ended_at"])
    Evidence.objects.update(added_at=ended_at)
    return ended_at  # type: ignore[no-any-return]


def kinds(alert: str) -> list[str]:
    return list(AlertEvent.objects.filter(alert_id=UUID(alert)).order_by("id").values_list("kind", flat=True))


def test_evidence_is_erased_when_its_time_has_passed(
    ended: datetime, alert: str, media: Path, phone: APIClient
) -> None:
    url = phone.get(f"{URL}{alert}/evidence/").json()[0]["url"]
    assert PERIODIC["purge_evidence"].run(now=ended + KEPT - timedelta(seconds=1)) == 0
    assert len(on_disk(media)) == 2
    assert PERIODIC["purge_evidence"].run(now=ended + KEPT) == 4  # Two rows, two files.
    assert on_disk(media) == []
    assert phone.get(f"{URL}{alert}/evidence/").json() == []
    assert Client().get(url.removeprefix("http://127.0.0.1:8000")).status_code == 404
    # The hash and the size of an erased file stay on record.
    assert Evidence.objects.filter(sha256__regex="^[0-9a-f]{64}$", name="", erased_at__isnull=False).count() == 2
    assert kinds(alert).count("evidence_erased") == 2
    assert PERIODIC["purge_evidence"].run(now=ended + KEPT) == 0


def test_an_open_alert_keeps_its_evidence(send: Send, media: Path) -> None:
    send(files.wav())
    retention.purge(now=clock.now() + 10 * KEPT)
    assert len(on_disk(media)) == 1


def test_a_legal_hold_is_stronger_than_time(ended: datetime, alert: str, media: Path) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("+996555000000", "a-long-password-1"))
    chosen = {"action": "hold", "_selected_action": [alert]}
    assert browser.post("/admin/alerts/sosalert/", chosen).status_code == 302
    assert LegalHold.objects.get().by == User.objects.get(is_superuser=True)
    assert retention.purge(now=ended + KEPT) == 0
    browser.post("/admin/alerts/sosalert/", chosen | {"action": "release"})
    assert not LegalHold.objects.exists()
    assert kinds(alert)[-2:] == ["evidence_held", "evidence_released"]
    assert len(on_disk(media)) == 2
    assert retention.purge(now=ended + KEPT) == 4
    listed = browser.get("/admin/alerts/evidence/").content.decode()
    assert alert in listed
    assert "Asanova" not in listed


def test_an_operator_who_may_only_view_sets_no_legal_hold(ended: datetime, alert: str) -> None:
    browser = Client()
    viewer = User.objects.create_user("+996555000001", "a-long-password-1", is_staff=True)
    browser.force_login(viewer)
    assert browser.post("/admin/alerts/sosalert/", {"action": "hold", "_selected_action": [alert]}).status_code == 403
    assert not LegalHold.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_hold_and_an_erasure_at_once(ended: datetime, alert: str, media: Path) -> None:
    row = SosAlert.objects.get()
    now = ended + KEPT
    at_once(lambda: retention.erase_outdated(now=now), lambda: retention.hold(alert_id=row.id, by_id=None, now=now))
    erased = Evidence.objects.filter(erased_at__isnull=False).count()
    # The erasure came first and took both files, or the hold came first and both stay.
    assert erased in (0, 2)
    first = next(kind for kind in kinds(alert) if kind in ("evidence_held", "evidence_erased"))
    assert first == ("evidence_held" if erased == 0 else "evidence_erased")


def test_a_storage_that_fails_is_asked_again(ended: datetime, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(FileSystemStorage, "delete", fail)
        with pytest.raises(OSError, match="no answer"):
            retention.purge(now=ended + KEPT)
    assert len(on_disk(media)) == 2
    assert retention.purge(now=ended + KEPT) == 2
    assert on_disk(media) == []


def test_uploads_that_broke_off_are_purged_with_their_bytes(alert: str, media: Path) -> None:
    now = clock.now()
    for number in range(3):
        upload = Upload.objects.create(
            alert_id=alert,
            kind="audio",
            length=9,
            is_resumable=False,
            created_at=now,
            expires_at=now + limits.OPEN_FOR,
            # The second upload died between the storage and its row; the third is being finished at this moment.
            name="sos/audio/2026/01/01/x.wav" if number == 1 else "",
            finishing_at=now + limits.OPEN_FOR if number == 2 else None,
        )
        with closing(spool.Spooling(upload)) as file:
            file.write(b"x")
    keeping.storage().save("sos/audio/2026/01/01/x.wav", spool.SpooledFile(spool.path(upload.id)))
    assert len(on_disk(media)) == 4
    assert retention.purge(now=now + limits.OPEN_FOR - timedelta(seconds=1)) == 0
    assert retention.purge(now=now + limits.OPEN_FOR) == 2
    assert [path.name for path in on_disk(media)] == [str(upload.id)]
    assert retention.purge(now=now + limits.OPEN_FOR + keeping.FINISHING_FOR) == 1
    assert on_disk(media) == []


def test_no_cascade_loses_a_file(ended: datetime, ana: User) -> None:
    with pytest.raises(ProtectedError):
        ana.delete()
    assert Evidence.objects.count() == 2
