"""Other people's wrong tries never lock a person out of a device on which they signed in before."""

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from identity.models import RateCount, User
from tests.identity.phones import ANA, BEN, PASSWORD, App

pytestmark = pytest.mark.django_db
HASH = make_password(PASSWORD)
CARRIER = "203.0.113.9"


@pytest.fixture(autouse=True)
def _people(ana: User) -> None:
    User.objects.filter(id=ana.id).update(password=HASH)
    User.objects.create(phone_number=BEN, first_name="Ben", password=HASH)


def sign_in(number: str = ANA, password: str = PASSWORD, *, address: str = CARRIER, **fields: Any) -> Any:
    body = {"phone_number": number, "password": password} | fields
    return App(REMOTE_ADDR=address).post("/api/v1/auth/login/", body)


def token(number: str = ANA) -> str:
    return str(sign_in(number).json()["device_token"])


def test_a_known_device_signs_in_while_the_carrier_and_the_number_are_used_up() -> None:
    """Found (audit M5): ten wrong tries behind a carrier's address refused the owner there; now not on their phone."""
    known = token()
    RateCount.objects.all().delete()
    for _ in range(12):
        sign_in(ANA, "wrong")
    RateCount.objects.update(count=10_000)
    assert sign_in().status_code == 429
    assert sign_in(address="198.51.100.7").status_code == 429  # The number is used up from everywhere.
    assert sign_in(device_token=known).status_code == 200


def test_its_tries_are_few_and_then_everybodys_limits_count() -> None:
    known = token()
    RateCount.objects.all().delete()
    answers = [sign_in(ANA, "wrong", device_token=known).status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]


def test_several_devices_have_a_limit_together() -> None:
    held = [token() for _ in range(9)]
    RateCount.objects.all().delete()
    answers = [sign_in(ANA, "wrong", device_token=one).status_code for one in held for _ in range(9)]
    assert answers.count(401) == 60 + 10


@pytest.mark.parametrize("garbage", ["", None, "x", "a:b:c", "é", "x" * 300])
def test_garbage_is_no_token(garbage: Any) -> None:
    sign_in(ANA, "wrong")
    RateCount.objects.update(count=10)
    assert sign_in(device_token=garbage).status_code == 429


def test_another_persons_token_counts_for_nothing() -> None:
    bens = token(BEN)
    sign_in(ANA, "wrong")
    RateCount.objects.update(count=10)
    assert sign_in(ANA, device_token=bens).status_code == 429


def test_a_token_tells_nothing_about_a_number() -> None:
    known = token()
    unknown = sign_in("+996700000001", "wrong", device_token=known)
    wrong = sign_in(ANA, "wrong", device_token=known)
    assert (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content)


def test_customers_of_a_carrier_sign_in_while_one_of_them_tries_numbers() -> None:
    """Found: 300 wrong tries from one address refused everybody behind it for an hour. Now each number has tries."""
    sign_in("+996700000001", "wrong")
    RateCount.objects.update(count=300)
    assert sign_in(BEN).status_code == 200
    answers = [sign_in(ANA, "wrong").status_code for _ in range(4)]
    assert answers == [401, 401, 401, 429]


def test_right_tries_do_not_use_up_the_carriers() -> None:
    for _ in range(9):
        assert sign_in(BEN).status_code == 200
    assert sorted(RateCount.objects.values_list("count", flat=True)) == [0, 0, 9, 9]
