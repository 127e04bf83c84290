"""Resumable uploads: bytes are added in order, in pieces of about 256 KiB (_BLOCK), under the lock of the upload's row.

The row's offset says how many bytes have arrived. If two requests send bytes for one offset, one of them adds its bytes
and the other raises OffsetConflict. If a process is killed after it wrote a piece and before it committed the offset,
the client sends these bytes again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from hashlib import new
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http.request import UnreadablePostError

from alerts.evidence import blocks, formats, keeping, limits, spool, uploads
from alerts.models import Evidence, EvidenceKind, Upload
from identity.errors import Conflict, Damaged, NotFound, TooLarge
from identity.models import User
from messaging.database import clock
from messaging.operations import alarms

ALGORITHMS = ("sha1", "sha256")
# The longest body with a checksum: it stays in memory until it is known to be right.
CHECKED_MAX = 4 * limits.MIB
_BLOCK = 256 * 1024
_READ = 16 * 1024
# A slow phone's bytes are written down after this many seconds, however few they are.
_BLOCK_S = 1.0


class OffsetConflict(Conflict):
    code = "offset_conflict"
    detail = "Upload-Offset is not the upload's offset. Ask for the offset with HEAD and go on from there."


class TooManyBytes(TooLarge):
    code = "too_many_bytes"
    detail = "With these bytes the upload would be longer than its Upload-Length."


class ChecksumMismatch(Damaged):
    code = "checksum_mismatch"
    detail = "The bytes that arrived do not have the Upload-Checksum. Send them again."


def begin(*, alert_id: UUID, owner: User, kind: EvidenceKind, length: int, sha256: str, now: datetime) -> Upload:
    """Begin an upload of exactly `length` bytes; return it.

    If an unexpired upload has the same alert, kind, length and declared hash, returns that one. If the alert already
    has evidence with this hash, the new upload has its evidence and offset from the start. Raises FileTooLarge, and
    what `uploads.open_upload` raises.
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


def progress(upload: Upload) -> Upload:
    """Return the upload with the offset from which the client goes on.

    If all bytes have arrived and the upload is not evidence yet, keeps it as evidence. Raises NotFound, and what
    `keeping.keep` raises.
    """
    upload = _locked(upload, lambda _: None)
    return _finished(upload)


def append(upload: Upload, stream: Any, *, offset: int, length: int, checksum: tuple[str, bytes] | None) -> Upload:
    """Add the stream's bytes at `offset`; return the upload with its new offset and, after the last byte, its evidence.

    Bytes that arrived before the connection broke or the disk was full stay. With a checksum all bytes are added or
    none. Raises NotFound, OffsetConflict, TooManyBytes, ChecksumMismatch, StorageFull, and what `keeping.keep` raises.
    """
    if offset != progress(upload).offset:
        raise OffsetConflict
    if offset + length > upload.length or (checksum and length > CHECKED_MAX):
        raise TooManyBytes
    pieces = _blocks(stream, upload) if checksum is None else [_checked(stream, length, *checksum)]
    with limits.alarming_when_full():
        for block in pieces:
            limits.check_disk(length=len(block))
            upload = _add(upload, block, offset=offset)
            offset += len(block)
    return _finished(upload)


def _blocks(stream: Any, upload: Upload) -> Iterator[bytes]:
    """Yield the stream's bytes in pieces of about _BLOCK bytes. If _BLOCK_S passes sooner, yield the bytes that have
    arrived by then.
    """
    block, since, offset = bytearray(), time.monotonic(), upload.offset
    while piece := _read(stream, _READ):
        block += piece
        offset += len(piece)
        is_slow = time.monotonic() - since >= _BLOCK_S
        if is_slow or len(block) >= _BLOCK:
            # The spool takes whole blocks of the file with less work.
            waiting = 0 if is_slow else spool.beyond_block(upload, offset)
            yield bytes(block[: len(block) - waiting])
            block, since = block[len(block) - waiting :], time.monotonic()
    if block:
        yield bytes(block)


def _read(stream: Any, count: int) -> bytes:
    try:
        return bytes(stream.read(count))
    except UnreadablePostError:
        return b""  # The phone is gone: the bytes that arrived count.


def _checked(stream: Any, length: int, algorithm: str, digest: bytes) -> bytes:
    body = b"".join(iter(lambda: _read(stream, _BLOCK), b""))
    if len(body) != length or not compare_digest(new(algorithm, body, usedforsecurity=False).digest(), digest):
        raise ChecksumMismatch
    return body


def _add(upload: Upload, block: bytes, *, offset: int) -> Upload:
    def write(locked: Upload) -> None:
        if locked.offset != offset or locked.finishing_at or locked.evidence_id:
            raise OffsetConflict
        # Write under the lock, so that nobody else writes. The bytes are here already: the lock waits for no phone.
        try:
            spool.add(locked, block)
        except OSError as error:
            raise limits.StorageFull from error

    return _locked(upload, write)


def _locked(upload: Upload, change: Callable[[Upload], None]) -> Upload:
    with transaction.atomic():
        clock.set_request_timeout()
        locked = Upload.objects.select_for_update(no_key=True).filter(id=upload.id).first()
        if locked is None:
            raise NotFound
        before = locked.offset, locked.beginning
        if not locked.evidence_id:
            spool.trust(locked)
        change(locked)
        if (locked.offset, locked.beginning) != before:
            locked.save(update_fields=["offset", "beginning"])
    return locked


def _finished(upload: Upload) -> Upload:
    if upload.offset == upload.length and not upload.evidence_id:
        evidence, _ = keeping.keep(upload, sha256=_sha256(upload), size=upload.length, now=clock.now())
        upload.evidence = evidence
    return upload


def _sha256(upload: Upload) -> str:
    """The SHA-256 of the whole file in the spool.

    Raises BeingFinished if another process has moved the file, and StorageFull if it cannot be read. If blocks of it
    are damaged, drops the upload and raises FileTruncated.
    """
    try:
        with closing(spool.opened(upload, size=upload.length)) as file:
            return keeping.sha256_of(file)
    except FileNotFoundError:
        raise keeping.BeingFinished from None  # Another process has kept the file since.
    except blocks.Damaged:
        # A crash of the machine lost blocks that were acknowledged.
        uploads.drop(upload)
        raise formats.FileTruncated from None
    except OSError as error:
        alarms.alarm("evidence_storage_failed", now=clock.now())
        raise limits.StorageFull from error


def end(upload: Upload) -> None:
    """Delete the upload and its bytes in the spool; evidence made from it stays. Raises BeingFinished while a process
    keeps the upload.
    """
    deleted, _ = Upload.objects.filter(id=upload.id, finishing_at=None).delete()
    if not deleted:
        raise keeping.BeingFinished
    spool.discard(upload.id)
