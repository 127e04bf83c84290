"""An upload's row: opened before its first byte, gone when its file is kept or refused."""

import re
from datetime import datetime
from uuid import UUID

from django.db import transaction
from rest_framework.exceptions import APIException, NotFound

from alerts.evidence import limits, spool
from alerts.models import EvidenceKind, SosAlert, Upload
from alerts.owner import view
from identity.models import User
from messaging.operations import alarms

_SHA256 = re.compile(r"[0-9a-f]{64}")


class EvidenceClosed(APIException):
    status_code = 409
    default_code = "evidence_closed"
    default_detail = "The alert ended too long ago to take evidence."


class UploadExpired(APIException):
    status_code = 410
    default_code = "upload_expired"
    default_detail = "The upload was not finished within 24 hours. Begin a new one."


class HashInvalid(APIException):
    status_code = 400
    default_code = "sha256_invalid"
    default_detail = "sha256 must be 64 hexadecimal digits."


def open_upload(
    *,
    alert_id: UUID,
    owner: User,
    kind: EvidenceKind,
    length: int,
    now: datetime,
    sha256: str = "",
    is_resumable: bool = False,
) -> Upload:
    """Reserve room for a file of at most so many bytes of the owner's alert.

    Raises NotFound, also for another person's alert; EvidenceClosed; or what limits.py refuses.
    """
    alert = SosAlert.objects.filter(id=alert_id, owner=owner).first()
    if alert is None:
        raise NotFound
    # What the owner is shown: under duress it has ended too.
    ended_at = view.shown(alert).ended_at
    if ended_at and now >= ended_at + limits.LATE_UPLOADS_FOR:
        raise EvidenceClosed
    _check_disk(length=length, now=now)
    with transaction.atomic():
        # One person's uploads are counted one after the other.
        User.objects.select_for_update(no_key=True).get(id=owner.id)
        limits.check_room(owner=owner, alert=alert, length=length)
        return Upload.objects.create(
            alert=alert,
            kind=kind,
            length=length,
            sha256=sha256,
            is_resumable=is_resumable,
            created_at=now,
            expires_at=now + limits.OPEN_FOR,
        )


def _check_disk(*, length: int, now: datetime) -> None:
    try:
        limits.check_disk(length=length)
    except limits.StorageFull:
        alarms.alarm("evidence_storage_full", now=now)
        raise


def own(upload_id: UUID, *, owner: User, now: datetime) -> Upload:
    """A resumable upload of this person. Raises NotFound and UploadExpired."""
    found = Upload.objects.filter(id=upload_id, alert__owner=owner, is_resumable=True).first()
    if found is None:
        raise NotFound
    if now >= found.expires_at:
        raise UploadExpired
    return found


def drop(upload: Upload) -> None:
    """Forget the upload and its bytes. One that may already be in the storage is left to the purge."""
    spool.discard(upload.id)
    if not upload.name:
        Upload.objects.filter(id=upload.id).delete()


def declared_sha256(text: str) -> str:
    """The hash as it is stored; empty when none was declared. Raises HashInvalid."""
    digest = text.strip().lower()
    if digest and not _SHA256.fullmatch(digest):
        raise HashInvalid
    return digest
