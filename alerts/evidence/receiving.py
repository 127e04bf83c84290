"""Writes the file of a multipart request straight into the spool and hashes it. The file is never whole in memory."""

import hashlib
from typing import Any

from django.core.files.uploadhandler import FileUploadHandler
from django.http.request import UnreadablePostError
from rest_framework.request import Request

from alerts.evidence import bodies, limits, spool, uploads
from alerts.models import EvidenceKind, Upload
from identity.errors import Invalid

# Bytes of a body beside its file: boundaries, headers of the parts, other fields.
AROUND_THE_FILE = 64 * 1024


class FileMissing(Invalid):
    code = "file_missing"
    detail = "The body must be multipart/form-data with exactly one file, in the field named for its kind."


class UploadIncomplete(Invalid):
    code = "upload_incomplete"
    detail = "The body ended before the file did. Send it again, or use a resumable upload."


class SpoolingHandler(FileUploadHandler):
    """Writes the one file of the request to the spool, and keeps its `size` and its SHA-256 (`digest`).

    The file's form field must be named for the upload's kind. Raises FileMissing, FileTooLarge or StorageFull.
    """

    chunk_size = 256 * 1024

    def __init__(self, upload: Upload) -> None:
        super().__init__()
        self.digest = hashlib.sha256()
        self.size = 0
        self.is_complete = False
        self._upload = upload
        self._largest = limits.largest(EvidenceKind(upload.kind))
        self.has_begun = False
        self._spooled = spool.Spooling(upload)

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, *args, **kwargs)
        if field_name != self._upload.kind or self.has_begun:
            raise FileMissing
        self.has_begun = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.size += len(raw_data)
        if self.size > self._largest:
            raise limits.FileTooLarge
        limits.check_disk(length=len(raw_data))
        self.digest.update(raw_data)
        self._spooled.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        self._spooled.finish()
        self.is_complete = True

    def close(self) -> None:
        self._spooled.close()


def bound_of(request: Request, *, kind: EvidenceKind) -> int:
    """Return the most bytes that the file can have, by Content-Length.

    Raises LengthRequired without a Content-Length, and FileTooLarge if it is more than the kind's largest size plus
    AROUND_THE_FILE.
    """
    length = bodies.length_of(request)
    if length > limits.largest(kind) + AROUND_THE_FILE:
        raise limits.FileTooLarge
    return min(length, limits.largest(kind))


def receive(request: Request, upload: Upload) -> SpoolingHandler:
    """Read the request's body: the file into the spool, the declared hash into `upload.sha256` (not saved yet).

    Returns the handler, which has the file's size and hash. Raises FileMissing, UploadIncomplete, FileTooLarge,
    StorageFull and HashInvalid.
    """
    handler = SpoolingHandler(upload)
    request.upload_handlers = [handler]
    with limits.alarming_when_full():
        try:
            fields: Any = request.data
        except UnreadablePostError as error:
            raise UploadIncomplete from error
        except OSError as error:
            raise limits.StorageFull from error
        finally:
            handler.close()
    if not handler.is_complete:
        raise UploadIncomplete if handler.has_begun else FileMissing
    upload.sha256 = uploads.declared_sha256(str(fields.get("sha256", "")))
    return handler
