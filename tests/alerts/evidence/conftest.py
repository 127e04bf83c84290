from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from alerts.evidence import blocks, keeping, spool
from alerts.models import Evidence, Upload
from tests.alerts.evidence.tus import create, path_of

URL = "/api/v1/sos-alerts/"

Send = Callable[..., Any]


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    """A folder of this test in place of the disk."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.EVIDENCE_FREE_MB = 0
    return tmp_path / "media"


def on_disk(media: Path) -> list[Path]:
    """Every file in the folder and below it."""
    return sorted(path for path in media.rglob("*") if path.is_file())


def contents(media: Path) -> list[bytes]:
    """The content of every file in the storage, as it is read for its owner."""
    read = []
    for path in on_disk(media):
        evidence = Evidence.objects.get(name__endswith=str(path.relative_to(media)))
        with closing(keeping.opened(evidence)) as file:
            read.append(file.read(evidence.size))
    return read


def arrived(upload: Upload) -> bytes:
    """The bytes of an open upload that the spool has."""
    cipher = blocks.Cipher(upload.id, upload.file_key)
    whole = upload.offset // blocks.BLOCK
    stored = spool.path(upload.id).read_bytes() if whole else b""
    read = [
        cipher.decrypt(stored[number * blocks.STORED_BLOCK :][: blocks.STORED_BLOCK], number, blocks.Follows.MORE)
        for number in range(whole)
    ]
    if upload.beginning:
        read.append(cipher.decrypt(upload.beginning, whole, blocks.Follows.ITS_REST))
    return b"".join(read)


@pytest.fixture
def alert(pressed: str) -> str:
    """Ana's open alert."""
    return pressed


@pytest.fixture
def send(phone: APIClient, alert: str) -> Send:
    def send(
        content: bytes, kind: str = "audio", *, name: str = "record.bin", to: str = "", by: Any = None, **fields: Any
    ) -> Any:
        file = SimpleUploadedFile(name, content, content_type="application/octet-stream")
        return (by or phone).post(f"{URL}{to or alert}/upload_{kind}/", {kind: file} | fields, format="multipart")

    return send


@pytest.fixture
def begun(phone: APIClient, alert: str) -> str:
    """The URL of an upload that Ana has begun: a film of which no byte has come."""
    return path_of(create(phone, alert))
