import pytest
from rest_framework.test import APIClient

from identity.models import EmergencyContact, User


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create(phone_number="+996555123456", first_name="Ana", last_name="Asanova", language="en")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create(phone_number="+996555999999", first_name="Stranger", language="en")


@pytest.fixture
def aida(ana: User) -> EmergencyContact:
    """Ana's first contact."""
    return EmergencyContact.objects.create(user=ana, name="Aida", phone_number="+996700100000", language="en", order=0)


@pytest.fixture
def bek(ana: User, aida: EmergencyContact) -> EmergencyContact:
    return EmergencyContact.objects.create(user=ana, name="Bek", phone_number="+996700100001", language="ru", order=1)


def app(user: User) -> APIClient:
    client = APIClient(raise_request_exception=True)
    client.force_authenticate(user)
    return client


@pytest.fixture
def phone(ana: User) -> APIClient:
    """Ana's app."""
    return app(ana)
