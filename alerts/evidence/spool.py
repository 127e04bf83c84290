"""Where bytes lie until they are checked: files named by their upload, on the disk that the storage is on.

Machines that share the work share this folder too (a volume), or one phone's requests always go to one machine.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings
from django.core.files import File


def folder() -> Path:
    path = Path(settings.MEDIA_ROOT) / "arriving"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path(upload_id: UUID) -> Path:
    return folder() / str(upload_id)


def create(upload_id: UUID) -> IO[bytes]:
    """The upload's file, which must not exist yet, to be written once from its beginning."""
    descriptor = os.open(path(upload_id), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    return os.fdopen(descriptor, "wb")


def write(upload_id: UUID, block: bytes, *, offset: int) -> None:
    """Put the block there; whoever calls has made sure that nobody else does."""
    descriptor = os.open(path(upload_id), os.O_CREAT | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.seek(offset)
        file.write(block)


def size(upload_id: UUID) -> int:
    """Bytes that are there; none of a file that is lost."""
    with suppress(FileNotFoundError):
        return path(upload_id).stat().st_size
    return 0


def discard(upload_id: UUID) -> None:
    path(upload_id).unlink(missing_ok=True)
    path(upload_id).with_suffix(".moving").unlink(missing_ok=True)


class SpooledFile(File):  # type: ignore[type-arg]
    """A spooled file as storages take it. One on the same disk moves what `temporary_file_path` names: no copy.

    That is a second name of the file: the first stays until the evidence has its row, so that a crash in between
    costs nothing.
    """

    def __init__(self, upload_id: UUID) -> None:
        super().__init__(path(upload_id).open("rb"))
        self._second_name = path(upload_id).with_suffix(".moving")
        self._second_name.unlink(missing_ok=True)
        self._second_name.hardlink_to(path(upload_id))

    def temporary_file_path(self) -> str:
        return str(self._second_name)

    def close(self) -> None:
        super().close()
        self._second_name.unlink(missing_ok=True)
