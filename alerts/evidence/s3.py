"""Evidence in a bucket of an S3-compatible store, read and written in parts. A failure is an OSError, as on a disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from django.core.files import File
from storages.backends.s3 import S3Storage

# Give up a silent store soon: the request that waits for it holds a thread of the web process.
_CONNECT_S, _SILENCE_S, _TRIES = 3, 15, 2


class StoreFailed(OSError):
    """The store refused, or cannot be reached. Holds only the store's code: its messages repeat names and keys."""


@contextmanager
def _as_of_a_disk() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("404", "NoSuchKey"):
            raise FileNotFoundError(code) from None
        raise StoreFailed(code) from None
    except (BotoCoreError, Boto3Error, HTTPClientError) as error:
        raise StoreFailed(type(error).__name__) from None


class Bucket(S3Storage):  # type: ignore[misc]  # django-storages has no types
    def __init__(self, **options: Any) -> None:
        super().__init__(
            # One part in memory at a time, and no threads beside the web process's own.
            transfer_config=TransferConfig(use_threads=False),
            client_config=Config(
                signature_version="s3v4",
                # Some compatible stores do not know the checksums of AWS.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=_CONNECT_S,
                read_timeout=_SILENCE_S,
                retries={"total_max_attempts": _TRIES, "mode": "standard"},
                s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
            ),
            file_overwrite=False,
            **options,
        )

    @property
    def bucket(self) -> Any:
        # Unlike the base class, make it anew each time: an object of boto3 is only for the thread that made it.
        return self.connection.Bucket(self.bucket_name)

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        with _as_of_a_disk():
            found = self.bucket.Object(self._normalize_name(name))
            return File(_Parts(found, size=found.content_length), name)  # type: ignore[arg-type]

    def _save(self, name: str, content: Any) -> str:
        with _as_of_a_disk():
            return str(super()._save(name, content))

    def exists(self, name: str) -> bool:
        with _as_of_a_disk():
            return bool(super().exists(name))

    def delete(self, name: str) -> None:
        # Replace the method of the base class: it treats a missing bucket like a missing file.
        with _as_of_a_disk():
            self.bucket.Object(self._normalize_name(name)).delete()


class _Parts:
    """A file in the store, read like an open file.

    The first `read` after a `seek` requests all bytes from the offset on. Each `read` takes its bytes from that
    response.
    """

    def __init__(self, found: Any, *, size: int) -> None:
        self._found = found
        self._size = size
        self._offset = 0
        self._body: IO[bytes] | None = None

    def seek(self, offset: int) -> int:
        self.close()
        self._offset = offset
        return offset

    def read(self, size: int) -> bytes:
        if self._offset >= self._size:
            return b""
        with _as_of_a_disk():
            if self._body is None:
                self._body = self._found.get(Range=f"bytes={self._offset}-")["Body"]
            chunk = self._body.read(size)
        self._offset += len(chunk)
        return chunk

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
