"""The row of an upload: created before its first byte, deleted when its file is refused or kept.

If the file of a resumable upload is kept, its row stays until it expires, so that the client can still ask for it.
"""

import re
from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerts.evidence import blocks, limits, spool
from alerts.models import EvidenceKind, Upload
from alerts.owner import view
from identity.errors import Conflict, Expired, Invalid, NotFound
from identity.models import User
from messaging.database import clock

_SHA256 = re.compile(r"[0-9a-f]{64}")


class EvidenceClosed(Conflict):
    code = "evidence_closed"
    detail = "The alert ended too long ago to take evidence."


class UploadExpired(Expired):
    code = "upload_expired"
    detail = "The upload was not finished within 24 hours. Begin a new one."


class HashInvalid(Invalid):
    code = "sha256_invalid"
    detail = "sha256 must be 64 hexadecimal digits."


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
    """Open an upload to the owner's alert and reserve room for `length` bytes, the most that the file can have; return
    it.

    Raises NotFound, also for another person's alert. Raises EvidenceClosed if the alert's shown end is over
    LATE_UPLOADS_FOR ago, and TooManyUploads, QuotaExceeded or StorageFull.
    """
    alert = view.owned_by(owner).filter(id=alert_id).first()
    if alert is None:
        raise NotFound
    # Take the end that the owner is shown: under duress the alert has ended for them.
    ended_at = view.shown(alert).ended_at
    if ended_at and now >= ended_at + limits.LATE_UPLOADS_FOR:
        raise EvidenceClosed
    with limits.alarming_when_full(), transaction.atomic():
        clock.set_request_timeout()
        # Lock the person, so that their uploads are counted one after the other.
        User.objects.select_for_update(no_key=True).get(id=owner.id)
        limits.check_room(owner=owner, alert=alert, length=length)
        limits.reserve_disk(length=length)
        return Upload.objects.create(
            alert=alert,
            kind=kind,
            length=length,
            sha256=sha256,
            is_resumable=is_resumable,
            file_key=blocks.new_key(),
            created_at=now,
            expires_at=now + limits.OPEN_FOR,
        )


def own(upload_id: UUID, *, owner: User, now: datetime) -> Upload:
    """The person's resumable upload with this id. Raises NotFound and UploadExpired."""
    found = Upload.objects.filter(id=upload_id, alert__owner=owner, is_resumable=True).first()
    if found is None:
        raise NotFound
    if now >= found.expires_at:
        raise UploadExpired
    return found


def drop(upload: Upload) -> None:
    """Delete the upload's bytes in the spool and its row.

    If the row names a file of the storage, the row stays until it expires; `retention.purge_uploads` then deletes both.
    """
    spool.discard(upload.id)
    if not upload.name:
        Upload.objects.filter(id=upload.id).delete()


def declared_sha256(text: str) -> str:
    """The declared hash in lower case; empty if the client declared no hash. Raises HashInvalid."""
    digest = text.strip().lower()
    if digest and not _SHA256.fullmatch(digest):
        raise HashInvalid
    return digest
