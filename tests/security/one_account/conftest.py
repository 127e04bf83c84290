"""A person with twenty contacts, their phone and an open alert."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from identity.api.rates import Limit
from identity.models import EmergencyContact, User

URL = "/api/v1/sos-alerts/"


def noting(seen: list[int], call: Any) -> Any:
    """The call, which notes each use."""

    def noted(*args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return call(*args, **kwargs)

    return noted


def app(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def aida() -> User:
    aida = User.objects.create(phone_number="+996555123456", first_name="Aida", last_name="Asanova", language="en")
    names = [f"Kanykei {chr(65 + number)}" for number in range(20)]
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=aida, name=name, phone_number=f"+9967001000{order:02}", language="en", order=order)
        for order, name in enumerate(names)
    )
    return aida


@pytest.fixture
def phone(aida: User) -> APIClient:
    return app(aida)


@pytest.fixture
def alert(phone: APIClient) -> str:
    return str(phone.post(URL, {}, format="json").data["id"])


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT, settings.EVIDENCE_FREE_MB = str(tmp_path / "media"), 0
    return tmp_path / "media"


@pytest.fixture
def lowered() -> Iterator[Any]:
    """Lower a limit for the length of a test."""
    before: list[tuple[Limit, int]] = []

    def lower(limit: Limit, times: int) -> None:
        before.append((limit, limit.times))
        object.__setattr__(limit, "times", times)

    yield lower
    for limit, times in before:
        object.__setattr__(limit, "times", times)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()
