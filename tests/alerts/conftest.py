from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from identity.models import EmergencyContact, User
from tests.alerts.engine import messages, token_in

Contacts = Callable[..., list[EmergencyContact]]
Arm = Callable[..., str]


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create(phone_number="+996555123456", first_name="Ana", last_name="Asanova", language="en")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create(phone_number="+996555999999", first_name="Stranger", language="en")


@pytest.fixture
def contacts(ana: User) -> Contacts:
    def add(*names: str, language: str = "en") -> list[EmergencyContact]:
        before = EmergencyContact.objects.filter(user=ana).count()
        return EmergencyContact.objects.bulk_create(
            EmergencyContact(user=ana, name=name, phone_number=f"+9967001000{place:02}", language=language, order=place)
            for place, name in enumerate(names, start=before)
        )

    return add


def app(user: User) -> APIClient:
    client = APIClient(raise_request_exception=True)
    client.force_authenticate(user)
    return client


@pytest.fixture
def phone(ana: User) -> APIClient:
    """Ana's app."""
    return app(ana)


@pytest.fixture
def pressed(phone: APIClient, contacts: Contacts) -> str:
    """Ana's alert with a position, told to Aida and Bek; its id."""
    contacts("Aida", "Bek")
    here = {"latitude": 42.8746, "longitude": 74.5698, "address": "Chüy 1"}
    return str(phone.post("/api/v1/sos-alerts/", here, format="json").data["id"])


@pytest.fixture
def tokens(pressed: str) -> list[str]:
    """The tokens in the SMS of Aida and of Bek."""
    return [token_in(message) for message in messages(pressed)]


@pytest.fixture
def token(pressed: str) -> str:
    """The token in the SMS of Aida, Ana's first contact."""
    return token_in(messages(pressed)[0])


@pytest.fixture
def arm(phone: APIClient, contacts: Contacts) -> Arm:
    """Arm a timer of an hour that names Aida and Bek; returns its URL."""
    contacts("Aida", "Bek")

    def armed(**body: Any) -> str:
        answer = phone.post("/api/v1/timers/", {"duration_s": 3600} | body, format="json")
        assert answer.status_code == 201, answer.data
        return f"/api/v1/timers/{answer.data['id']}/"

    return armed
