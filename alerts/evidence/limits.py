"""Limits of evidence: bytes of one file, of one alert and of one person, open uploads, and the disk space that stays
free.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Coalesce

from alerts.evidence import blocks, spool
from alerts.models import Evidence, EvidenceKind, SosAlert, Upload
from alerts.owner import view
from identity.errors import OutOfSpace, TooLarge, TooMany
from identity.models import User
from messaging.database import clock
from messaging.database.sql import rows
from messaging.operations import alarms

MIB = 1024 * 1024
# A phone sends a few recordings at once. More open uploads are hanging or forgotten, and only reserve the person's
# room.
OPEN_UPLOADS = 10
# An unfinished upload expires after this.
OPEN_FOR = timedelta(hours=24)
# An alert takes evidence for this long after its end: the phone may have been off, taken away or without a network.
LATE_UPLOADS_FOR = timedelta(days=7)
# A number that no other advisory lock of the database has.
_DISK_LOCK = 0x5B001


class FileTooLarge(TooLarge):
    code = "file_too_large"
    detail = "The file is larger than one of its kind may be."


class QuotaExceeded(TooLarge):
    code = "evidence_quota_exceeded"
    detail = "With this file there would be more evidence than one alert, or one person, may have."


class TooManyUploads(TooMany):
    code = "too_many_uploads"
    detail = f"{OPEN_UPLOADS} uploads are open: finish or end one of them first."


class StorageFull(OutOfSpace):
    code = "storage_full"
    detail = "The server has no room for files right now. Keep the file and try again later."


def largest(kind: EvidenceKind) -> int:
    return int(settings.EVIDENCE_MAX_MB[kind]) * MIB


def check_room(*, owner: User, alert: SosAlert, length: int) -> None:
    """Check that one more upload of `length` bytes stays within OPEN_UPLOADS, EVIDENCE_ALERT_MB and EVIDENCE_PERSON_MB.
    The caller has locked the person's row.

    Raises TooManyUploads or QuotaExceeded.
    """
    uploads = Upload.objects.filter(alert__owner=owner, evidence=None)
    if uploads.count() >= OPEN_UPLOADS:
        raise TooManyUploads
    kept = Evidence.objects.filter(alert__owner=owner, erased_at=None)
    # After a real end these files would be erased by now.
    kept = kept.exclude(view.seems_ended_by(clock.now() - timedelta(days=settings.EVIDENCE_KEPT_DAYS), of="alert__"))
    limits: tuple[tuple[float, dict[str, Any]], ...] = (
        (settings.EVIDENCE_ALERT_MB, {"alert": alert}),
        (settings.EVIDENCE_PERSON_MB, {}),
    )
    for limit_mb, scope in limits:
        total = _total(kept.filter(**scope), "size") + _total(uploads.filter(**scope), "length") + length
        if total > limit_mb * MIB:
            raise QuotaExceeded


def _total(rows: QuerySet[Any], column: str) -> int:
    return int(rows.aggregate(total=Coalesce(Sum(F(column)), 0))["total"])


def reserve_disk(*, length: int) -> None:
    """Raise StorageFull if the disk would have less than EVIDENCE_FREE_MB free after this upload and all open ones.

    Holds a lock until the transaction ends. The caller creates the upload's row in that transaction, so uploads that
    begin at the same moment count each other.
    """
    rows("SELECT pg_advisory_xact_lock(%s)::text", [_DISK_LOCK])
    still_to_come = Upload.objects.filter(evidence=None).aggregate(total=Coalesce(Sum(F("length") - F("offset")), 0))
    check_disk(length=int(still_to_come["total"]) + length)


def check_disk(*, length: int) -> None:
    """Raise StorageFull if `length` more bytes of files leave less than EVIDENCE_FREE_MB of the disk free."""
    if shutil.disk_usage(spool.folder()).free - blocks.stored_size(length) < settings.EVIDENCE_FREE_MB * MIB:
        raise StorageFull


@contextmanager
def alarming_when_full() -> Iterator[None]:
    """If the `with` block raises StorageFull, alarm the operator and pass the error on. Enter it outside of
    transactions: a rollback would undo the alarm.
    """
    try:
        yield
    except StorageFull:
        alarms.alarm("evidence_storage_full", now=clock.now())
        raise
