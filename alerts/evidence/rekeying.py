"""Encrypts plain files of evidence, and wraps the keys of files under the newest key (`manage.py rotatekeys`).

The other processes keep working meanwhile. A plain file is read, encrypted into another file and read again before the
row names the new file. `Evidence.spare_name` names the file that must be deleted: the encrypted file before that
moment, the plain file after it. If a run dies, the next run deletes that file and goes on.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from alerts.evidence import blocks, keeping, limits, spool
from alerts.models import Evidence, Upload
from messaging import encryption
from messaging.database import clock
from messaging.database.sql import rows
from messaging.operations import alarms
from messaging.rotation import Count

BATCH = 200
# A number that no other advisory lock of the database has.
_LOCK = 0x5B002
_SUFFIX = ".encrypting"


def rotate() -> Iterator[Count]:
    """Wrap the key of every upload and file of evidence anew, or encrypt the plain file; yield the count so far after
    each row, and at the end.

    `held` counts files for which the disk has no room, and uploads without a key that are open: they may still become
    plain files. If another process is rotating, the only Count has `held` = 1.
    """
    with _alone() as is_alone:
        if not is_alone:
            yield Count("files of evidence", held=1)
            return
        for left in spool.folder().glob(f"*{_SUFFIX}"):
            spool.remove(left)
        count = Count("files of evidence")
        # Uploads first: one that becomes evidence meanwhile takes its key along.
        for upload in _in_order(Upload):
            count.seen += 1
            if upload.file_key:
                _wrap_anew(upload, count)
            elif upload.evidence_id is None:
                count.held += 1
            yield count
        for evidence in _in_order(Evidence):
            count.seen += 1
            _rotate(evidence, count)
            yield count
        yield count


@contextmanager
def _alone() -> Iterator[bool]:
    """Yield whether this connection got the advisory lock of this work; release the lock at the end. Without the lock,
    a second run would delete the file that the first run is writing.
    """
    is_free = rows("SELECT pg_try_advisory_lock(%s)", [_LOCK]) == [(True,)]
    try:
        yield is_free
    finally:
        if is_free:
            rows("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _in_order(model: Any) -> Iterator[Any]:
    last = None
    while True:
        found = model.objects.order_by("id")
        batch = list((found.filter(id__gt=last) if last else found)[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        last = batch[-1].id


def _rotate(evidence: Evidence, count: Count) -> None:
    _drop_spare(evidence)
    if evidence.file_key:
        _wrap_anew(evidence, count)
    elif evidence.erased_at is None:
        try:
            count.changed += _encrypt(evidence)
        except limits.StorageFull:
            count.held += 1
        except OSError:
            alarms.alarm("evidence_unreadable", now=clock.now(), evidence_id=str(evidence.id))
            count.unreadable += 1
            with suppress(OSError):
                _drop_spare(evidence)


def _wrap_anew(row: Evidence | Upload, count: Count) -> None:
    if encryption.is_current(row.file_key):
        return
    try:
        wrapped = encryption.wrap_key(encryption.unwrap_key(row.file_key))
    except encryption.Unreadable:
        count.unreadable += 1
        return
    count.changed += type(row).objects.filter(id=row.id, file_key=row.file_key).update(file_key=wrapped)


def _encrypt(evidence: Evidence) -> int:
    """Replace the evidence's plain file by an encrypted one. Returns 1, or 0 if the evidence was erased meanwhile.

    Raises StorageFull if the disk has no room, and OSError if the file cannot be read or its SHA-256 is not the
    evidence's. The plain file then stays.
    """
    limits.check_disk(length=evidence.size)
    key, plain = blocks.new_key(), evidence.name
    folder, _, name = plain.rpartition("/")
    evidence.spare_name = f"{folder}/{uuid4().hex}.{name.rpartition('.')[2]}"
    living = Evidence.objects.filter(id=evidence.id, name=plain, erased_at=None)
    if not living.update(spare_name=evidence.spare_name):
        return 0
    _write(evidence, key)
    encrypted = Evidence(id=evidence.id, size=evidence.size, name=evidence.spare_name, file_key=key)
    with closing(keeping.opened(encrypted)) as file:
        if keeping.sha256_of(file) != evidence.sha256:
            raise blocks.Damaged("the file is not the one that arrived")
    changed = living.update(name=encrypted.name, file_key=key, spare_name=plain)
    evidence.spare_name = plain if changed else encrypted.name
    _drop_spare(evidence)
    return changed


def _write(evidence: Evidence, key: bytes) -> None:
    path = spool.folder() / f"{evidence.id}{_SUFFIX}"
    cipher, digest = blocks.Cipher(evidence.id, key), sha256()
    try:
        with closing(keeping.opened(evidence)) as plain, _created(path) as file:
            for piece in blocks.encrypted(_Hashed(plain, digest), cipher, size=evidence.size):
                file.write(piece)
        if digest.hexdigest() != evidence.sha256:
            raise blocks.Damaged("the file is not the one that arrived")
        keeping.store(path, evidence.spare_name)
    finally:
        spool.remove(path)


@contextmanager
def _created(path: Path) -> Iterator[Any]:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file


class _Hashed:
    """Passes the bytes of a file on, and hashes them on the way."""

    def __init__(self, file: blocks.Readable, digest: Any) -> None:
        self._file, self._digest = file, digest

    def seek(self, offset: int, /) -> int:
        return self._file.seek(offset)

    def read(self, size: int, /) -> bytes:
        content = self._file.read(size)
        self._digest.update(content)
        return content

    def close(self) -> None:
        self._file.close()


def _drop_spare(evidence: Evidence) -> None:
    if not evidence.spare_name:
        return
    keeping.storage().delete(evidence.spare_name)
    Evidence.objects.filter(id=evidence.id, spare_name=evidence.spare_name).update(spare_name="")
    evidence.spare_name = ""
