"""A stranger who registers a number again and again does not keep its owner from registering."""

import pytest

from identity.models import User, Verification
from messaging.database import clock
from tests.identity.phones import BEN, App, another, code_for, register, texts_to, verify

pytestmark = pytest.mark.django_db


def _use_up(times: int = 5) -> App:
    stranger = App(REMOTE_ADDR="203.0.113.9")
    for _ in range(times):
        register(stranger, password="the stranger's secret", first_name="Stranger")
    return stranger


def test_the_owner_registers_from_another_network() -> None:
    """Found (audit M5): five registrations by a stranger refused the owner for an hour, ten for a day."""
    _use_up()
    pending = register(App(REMOTE_ADDR="198.51.100.7")).json()
    assert verify(App(), pending, code_for(BEN)).status_code == 200
    assert User.objects.get().first_name == "Ben"


def test_the_owner_behind_the_same_carrier_shares_the_code_on_their_phone() -> None:
    stranger = _use_up()
    pending = register(App(REMOTE_ADDR="203.0.113.9"))
    assert pending.status_code == 200
    assert len(texts_to(BEN)) == 5  # No sixth SMS.
    assert verify(App(), pending.json(), code_for(BEN)).status_code == 200
    assert User.objects.get().first_name == "Ben"
    assert verify(stranger, pending.json(), code_for(BEN)).status_code == 400


def test_shares_give_few_tries_at_the_code() -> None:
    _use_up()
    app = App(REMOTE_ADDR="203.0.113.9")
    shares = [register(app) for _ in range(7)]
    assert [answer.status_code for answer in shares] == [200] * 5 + [429] * 2
    wrong = another(code_for(BEN))
    for answer in shares[:5]:
        for _ in range(3):
            assert verify(app, answer.json(), wrong).status_code == 400
        assert verify(app, answer.json(), code_for(BEN)).status_code == 400


def test_an_outdated_code_is_not_shared() -> None:
    _use_up()
    Verification.objects.update(expires_at=clock.now())
    assert register(App(REMOTE_ADDR="203.0.113.9")).status_code == 429


def test_known_and_unknown_numbers_share_alike() -> None:
    User.objects.create(phone_number=BEN, first_name="Ben")
    _use_up()
    pending = register(App(REMOTE_ADDR="203.0.113.9"))
    assert pending.status_code == 200
    assert Verification.objects.filter(is_known_number=True).count() == 6
    assert len(texts_to(BEN)) == 5
