from collections.abc import Callable

import pytest

from identity.contacts import contacts
from identity.models import EmergencyContact, User
from messaging.database import clock
from tests.signed_in import bearer

from .phones import ANA, App

AddContacts = Callable[..., list[EmergencyContact]]


@pytest.fixture
def app(db: None) -> App:
    """A phone on which nobody has signed in."""
    return App()


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create(phone_number=ANA, first_name="Ana", last_name="Asanova", language="en")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create(phone_number="+996555999999", first_name="Stranger", language="ru")


@pytest.fixture
def anas_app(ana: User) -> App:
    return signed_in(ana)


@pytest.fixture
def add_contacts(ana: User) -> AddContacts:
    def add(*names: str) -> list[EmergencyContact]:
        first = ana.contacts.count()
        return [
            contacts.add(person_id=ana.id, name=name, phone_number=f"+9967001000{place:02}", now=clock.now())
            for place, name in enumerate(names, start=first)
        ]

    return add


def signed_in(user: User) -> App:
    return App(HTTP_AUTHORIZATION=bearer(user))
