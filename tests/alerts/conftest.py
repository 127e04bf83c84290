from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from identity.models import EmergencyContact, User

Contacts = Callable[..., list[EmergencyContact]]


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
