"""The spool: a folder where uploads lie until they are checked, each named by its id, on the disk of the storage.

Several machines must share this folder (a volume), or all requests of one phone must go to the same machine.
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
    """Open the upload's file for writing from its beginning. It must not exist yet."""
    descriptor = os.open(path(upload_id), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    return os.fdopen(descriptor, "wb")


def write(upload_id: UUID, block: bytes, *, offset: int) -> None:
    """Write the block at this offset of the upload's file.

    The caller makes sure that nobody else writes to the file.
    """
    descriptor = os.open(path(upload_id), os.O_CREAT | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.seek(offset)
        file.write(block)


def size(upload_id: UUID) -> int:
    """The number of bytes in the file; 0 if the file is lost."""
    with suppress(FileNotFoundError):
        return path(upload_id).stat().st_size
    return 0


def discard(upload_id: UUID) -> None:
    path(upload_id).unlink(missing_ok=True)
    path(upload_id).with_suffix(".moving").unlink(missing_ok=True)


class SpooledFile(File):  # type: ignore[type-arg]
    """A spooled file, to be given to a storage. A storage on the same disk moves `temporary_file_path` instead of
    copying.

    That path is a second name (hard link) of the file. The first name stays until the evidence has its row, so a crash
    before the row is written loses nothing.
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
