"""Checks a file that has arrived whole in the spool, and moves it into the storage under a random name, never over
another file.

The file is stored before its Evidence row is written, so no row names a file that was never stored.
"""

import hashlib
import os
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.core.files.storage import Storage, storages
from django.db import DatabaseError, transaction
from django.db.models import Q

from alerts.evidence import blocks, formats, limits, spool, uploads
from alerts.evidence.formats.reading import Media
from alerts.models import EventKind, Evidence, EvidenceKind, SosAlert, Upload
from alerts.timeline import journal
from identity.errors import Inconsistent, InProgress
from messaging.database import clock
from messaging.operations import alarms

# Longer than it takes to move the largest file into the storage. A process that needs more time counts as dead.
FINISHING_FOR = timedelta(minutes=10)
_HASHED = 256 * 1024


class HashMismatch(Inconsistent):
    code = "sha256_mismatch"
    detail = "The file that arrived does not have the declared sha256. Send it again."


class BeingFinished(InProgress):
    code = "upload_being_finished"
    detail = "The upload is being checked. Ask again in some seconds."


def storage() -> Storage:
    return storages["evidence"]


def keep(upload: Upload, *, sha256: str, size: int, now: datetime) -> tuple[Evidence, bool]:
    """Check the upload's whole file in the spool and keep it as evidence; return the evidence and whether it is new.

    If the alert already has evidence with this sha256, returns that evidence and stores no file. Raises HashMismatch,
    TypeRefused or FileTruncated after `uploads.drop(upload)`. Raises BeingFinished while another process keeps the same
    upload, and StorageFull if the spool or the storage fails; then the upload stays. Call outside transactions: the
    storage may be slow.
    """
    _claim(upload, now=now)
    try:
        return _record(upload, _kept(upload, sha256=sha256, size=size, now=now))
    except (HashMismatch, formats.TypeRefused, formats.FileTruncated):
        uploads.drop(upload)
        raise
    except Exception:
        # The bytes are still in the spool: the client's next request tries again.
        with suppress(DatabaseError):
            Upload.objects.filter(id=upload.id).update(finishing_at=None)
        raise


def _kept(upload: Upload, *, sha256: str, size: int, now: datetime) -> Evidence:
    """Return the alert's evidence with this sha256. If there is none, check and store the file, and return an unsaved
    Evidence for it. Raises HashMismatch, TypeRefused, FileTruncated or StorageFull.
    """
    if upload.sha256 not in ("", sha256):
        raise HashMismatch
    found = Evidence.objects.filter(alert_id=upload.alert_id, sha256=sha256).first()
    if found is not None:
        if found.kind != upload.kind:
            raise formats.TypeRefused
        return found
    try:
        with closing(spool.opened(upload, size=size)) as file:
            media = formats.recognise(file, size=size, kind=EvidenceKind(upload.kind))
        _store(upload, media, now=now)
    except OSError as error:
        alarms.alarm("evidence_storage_failed", now=now)
        raise limits.StorageFull from error
    found = Evidence(alert_id=upload.alert_id, kind=media.kind, media_type=media.media_type, size=size)
    found.sha256, found.name = sha256, upload.name
    if upload.file_key:
        found.id, found.file_key = upload.id, upload.file_key
    return found


def _claim(upload: Upload, *, now: datetime) -> None:
    """Claim the upload for this process by setting `finishing_at`. A claim ends after FINISHING_FOR, in case its
    process died.

    Raises BeingFinished if another process has a claim, and if the upload is evidence already or deleted.
    """
    free = Q(finishing_at=None) | Q(finishing_at__lte=now - FINISHING_FOR)
    if not Upload.objects.filter(free, id=upload.id, evidence=None).update(finishing_at=now):
        raise BeingFinished


def _store(upload: Upload, media: Media, *, now: datetime) -> None:
    upload.name = upload.name or f"sos/{upload.kind}/{now:%Y/%m/%d}/{uuid4().hex}.{media.extension}"
    # Write the name down before the file exists: after a crash the purge knows where to look for it.
    Upload.objects.filter(id=upload.id).update(name=upload.name)
    if storage().exists(upload.name):
        return  # A process that died later has stored it.
    store(spool.path(upload.id), upload.name)


def store(path: Path, name: str) -> None:
    """Flush a file of the spool to the disk, and save it in the storage under `name`, which no other file has. Raises
    OSError.
    """
    _flush(path)
    with spool.SpooledFile(path) as file:
        storage().save(name, file)
    _flush_folder(name)


def _record(upload: Upload, found: Evidence) -> tuple[Evidence, bool]:
    with transaction.atomic():
        now = clock.set_request_timeout()
        SosAlert.objects.select_for_update(no_key=True).get(id=upload.alert_id)
        # The key may have been wrapped anew since the upload was read (rekeying.py).
        living = Upload.objects.select_for_update(no_key=True).filter(id=upload.id)
        found.file_key = next(iter(living.values_list("file_key", flat=True)), found.file_key)
        evidence, is_new = Evidence.objects.get_or_create(
            alert_id=found.alert_id,
            sha256=found.sha256,
            defaults={"id": found.id, "kind": found.kind, "media_type": found.media_type, "size": found.size}
            | {"name": found.name, "file_key": found.file_key, "added_at": now},
        )
        if is_new:
            what = {"evidence_id": str(evidence.id), "evidence_kind": evidence.kind, "sha256": evidence.sha256}
            journal.record(
                evidence.alert_id, EventKind.EVIDENCE_ADDED, by=journal.OWNER, now=now, size=evidence.size, **what
            )
        if upload.is_resumable:
            Upload.objects.filter(id=upload.id).update(evidence=evidence, offset=upload.length, finishing_at=None)
        else:
            Upload.objects.filter(id=upload.id).delete()
    if upload.name and evidence.name != upload.name:
        storage().delete(upload.name)  # Another upload of the same bytes was faster.
    spool.discard(upload.id)
    return evidence, is_new


def opened(evidence: Evidence) -> blocks.Readable:
    """Open the file of this evidence; its bytes are decrypted while it is read. Raises OSError if the storage fails,
    and KeyGone if DATA_KEYS lacks the key.
    """
    stored = _stored(evidence)
    if not evidence.file_key:
        return stored
    try:
        cipher = blocks.Cipher(evidence.id, evidence.file_key)
    except blocks.KeyGone:
        stored.close()
        raise
    return blocks.Decrypted(stored, cipher, size=evidence.size)


def _stored(evidence: Evidence) -> blocks.Readable:
    try:
        return storage().open(evidence.name)
    except FileNotFoundError:
        # An encrypted file has taken the plain one's place since the row was read (rekeying.py).
        before, evidence.name, evidence.file_key = (
            evidence.name,
            *Evidence.objects.values_list("name", "file_key").get(id=evidence.id),
        )
        if evidence.name in ("", before):
            raise
        return storage().open(evidence.name)


def sha256_of(file: blocks.Readable) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_HASHED):
        digest.update(chunk)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(name: str) -> None:
    """Flush the entry of the file `name` in its folder, if the storage is a folder: after a crash of the machine no row
    may name a file that is not on the disk.
    """
    try:
        folder = Path(storage().path(name)).parent
    except NotImplementedError:
        return  # The storage is not on this machine's disk.
    _flush(folder)
