"""A phone that speaks tus 1.0, and the film it sends."""

import hashlib
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

from rest_framework.test import APIClient

from tests.alerts.evidence import files

FILM = files.mp4(b"vide", media=900_000)
SHA256 = hashlib.sha256(FILM).hexdigest()
LENGTH = len(FILM)
TUS = {"Tus-Resumable": "1.0.0"}


def metadata(**values: str) -> str:
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in values.items())


def create(by: APIClient, alert: str, length: Any = LENGTH, *, about: str | None = None, **headers: str) -> Any:
    about = metadata(kind="video", filename="film.mp4") if about is None else about
    given = TUS | {"Upload-Length": str(length), "Upload-Metadata": about} | headers
    return by.post(f"/api/v1/sos-alerts/{alert}/uploads/", headers=given)


def patch(by: APIClient, url: str, content: bytes, offset: Any, **headers: str) -> Any:
    given = TUS | {"Upload-Offset": str(offset)} | {name.replace("_", "-"): value for name, value in headers.items()}
    return by.generic("PATCH", url, content, content_type="application/offset+octet-stream", headers=given)  # type: ignore[arg-type]


def offset_of(by: APIClient, url: str) -> int:
    return int(by.head(url, headers=TUS)["Upload-Offset"])


def path_of(answer: Any) -> str:
    assert answer.status_code == 201, answer.content
    return str(urlsplit(answer["Location"]).path)
