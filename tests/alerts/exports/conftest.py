from io import BytesIO
from typing import Any

import pytest
from rest_framework.test import APIClient

from alerts.exports.verification import verify
from messaging.states import State
from tests.alerts.engine import drive, messages
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send, alert, media, send

__all__ = ["alert", "media", "send"]


def export(phone: APIClient, alert_id: str) -> Any:
    return phone.get(f"{URL}{alert_id}/export/")


def problems(bundle: bytes) -> list[str]:
    return verify(BytesIO(bundle)).problems


@pytest.fixture
def bundle(phone: APIClient, send: Send, alert: str) -> bytes:
    """An export of Ana's alert with two files, one contact whose SMS arrived and one whose SMS was refused."""
    told, refused = messages(alert)
    drive(told, State.DELIVERED)
    drive(refused, State.FAILED, code="21211")
    assert (send(files.wav()).status_code, send(files.jpeg(), "photo").status_code) == (201, 201)
    phone.post(f"{URL}{alert}/locations/", {"latitude": 42.88, "longitude": 74.57, "accuracy": 5}, format="json")
    phone.post(f"{URL}{alert}/resolve/")
    return bytes(export(phone, alert).getvalue())
