"""Resumable uploads: bytes added in order, each block under the lock of the upload's row.

The offset in the row is the truth. Of two who add to one offset one wins, the other finds another offset; a process
that is killed between a block and its commit has written what the next one writes again.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import new
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http.request import UnreadablePostError
from rest_framework.exceptions import APIException, NotFound

from alerts.evidence import keeping, limits, spool, uploads
from alerts.models import Evidence, EvidenceKind, Upload
from identity.models import User
from messaging.database import clock

ALGORITHMS = ("sha1", "sha256")
# A body with a checksum is held until it is known to be right.
CHECKED_MAX = 4 * limits.MIB
_BLOCK = 256 * 1024
_READ = 16 * 1024
# A slow phone's bytes are safe after so long, however few.
_BLOCK_S = 1.0


class OffsetConflict(APIException):
    status_code = 409
    default_code = "offset_conflict"
    default_detail = "Upload-Offset is not where the upload stands. Ask for it with HEAD and go on from there."


class TooManyBytes(APIException):
    status_code = 413
    default_code = "too_many_bytes"
    default_detail = "The upload would become longer than it was to be."


class ChecksumMismatch(APIException):
    status_code = 460  # tus, Checksum extension.
    default_code = "checksum_mismatch"
    default_detail = "The bytes that arrived do not have the Upload-Checksum. Send them again."


def begin(*, alert_id: UUID, owner: User, kind: EvidenceKind, length: int, sha256: str, now: datetime) -> Upload:
    """An upload of exactly so many bytes; with a declared hash, the one that is open already, or whole if it is kept.

    Raises what `uploads.open_upload` refuses, and FileTooLarge.
    """
    if length > limits.largest(kind):
        raise limits.FileTooLarge
    if sha256:
        same = Upload.objects.filter(alert_id=alert_id, alert__owner=owner, is_resumable=True, expires_at__gt=now)
        found = same.filter(kind=kind, length=length, sha256=sha256).first()
        if found is not None:
            return found
    upload = uploads.open_upload(
        alert_id=alert_id, owner=owner, kind=kind, length=length, sha256=sha256, is_resumable=True, now=now
    )
    upload.evidence = Evidence.objects.filter(alert_id=alert_id, sha256=sha256, erased_at=None).first()
    if upload.evidence is not None:
        upload.offset = length
        upload.save(update_fields=["evidence", "offset"])
    return upload


def stand(upload: Upload) -> Upload:
    """The upload with the offset to go on from. One whose bytes are all there, and whose end broke off, is finished."""
    upload = _locked(upload, lambda _: None)
    return _finished(upload)


def append(upload: Upload, stream: Any, *, offset: int, length: int, checksum: tuple[str, bytes] | None) -> Upload:
    """Add the stream's bytes; returns the upload as it then stands, with its evidence once it is whole.

    What arrived before the stream broke off stays. Raises OffsetConflict, TooManyBytes, ChecksumMismatch, and what
    `keeping.keep` refuses: then the whole upload is gone.
    """
    if offset != stand(upload).offset:
        raise OffsetConflict
    if offset + length > upload.length or (checksum and length > CHECKED_MAX):
        raise TooManyBytes
    blocks = _blocks(stream) if checksum is None else [_checked(stream, length, *checksum)]
    for block in blocks:
        upload = _add(upload, block, offset=offset)
        offset += len(block)
    return _finished(upload)


def _blocks(stream: Any) -> Iterator[bytes]:
    """What arrives, in blocks of some size or some time."""
    block, since = bytearray(), time.monotonic()
    while piece := _read(stream, _READ):
        block += piece
        if len(block) >= _BLOCK or time.monotonic() - since >= _BLOCK_S:
            yield bytes(block)
            block, since = bytearray(), time.monotonic()
    if block:
        yield bytes(block)


def _read(stream: Any, count: int) -> bytes:
    try:
        return bytes(stream.read(count))
    except UnreadablePostError:
        return b""  # The phone is gone: what came of it counts.


def _checked(stream: Any, length: int, algorithm: str, digest: bytes) -> bytes:
    body = b"".join(iter(lambda: _read(stream, _BLOCK), b""))
    if len(body) != length or not compare_digest(new(algorithm, body, usedforsecurity=False).digest(), digest):
        raise ChecksumMismatch
    return body


def _add(upload: Upload, block: bytes, *, offset: int) -> Upload:
    def write(locked: Upload) -> None:
        if locked.offset != offset or locked.finishing_at or locked.evidence_id:
            raise OffsetConflict
        # Under the lock, so that nobody else writes; the bytes are here already and nothing is waited for.
        try:
            spool.write(locked.id, block, offset=offset)
        except OSError as error:
            raise limits.StorageFull from error
        locked.offset += len(block)

    return _locked(upload, write)


def _locked(upload: Upload, change: Callable[[Upload], None]) -> Upload:
    with transaction.atomic():
        clock.set_request_timeout()
        locked = Upload.objects.select_for_update(no_key=True).filter(id=upload.id).first()
        if locked is None:
            raise NotFound
        if not locked.evidence_id:
            # After a crash of the machine the file may be behind its row.
            locked.offset = min(locked.offset, spool.size(locked.id))
        change(locked)
        locked.save(update_fields=["offset"])
    return locked


def _finished(upload: Upload) -> Upload:
    if upload.offset == upload.length and not upload.evidence_id:
        evidence, _ = keeping.keep(
            upload, sha256=keeping.sha256_of(spool.path(upload.id)), size=upload.length, now=clock.now()
        )
        upload.evidence = evidence
    return upload


def end(upload: Upload) -> None:
    """Terminate it: its bytes are dropped; evidence that it has become stays. Raises BeingFinished."""
    deleted, _ = Upload.objects.filter(id=upload.id, finishing_at=None).delete()
    if not deleted:
        raise keeping.BeingFinished
    spool.discard(upload.id)
