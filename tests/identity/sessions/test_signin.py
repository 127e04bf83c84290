import pytest
from django.contrib.auth.hashers import make_password

from identity.models import RateCount, User
from tests.identity.phones import ANA, BEN, PASSWORD, App, sign_in

HASH = make_password(PASSWORD)


@pytest.fixture(autouse=True)
def _anas_password(ana: User) -> None:
    User.objects.update(password=HASH)


def test_signing_in(app: App, ana: User) -> None:
    answer = sign_in(app, "+996 555 123-456")
    assert answer.status_code == 200
    assert answer.json().keys() == {"tokens", "user", "device_token"}
    assert answer.json()["user"]["id"] == str(ana.id)
    app.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['tokens']['access']}")
    assert app.get("/api/v1/me/").json() == answer.json()["user"]


def test_wrong_unknown_and_deactivated_are_one_answer(app: App, ana: User) -> None:
    answers = [sign_in(app, ANA, "wrong"), sign_in(app, BEN)]
    User.objects.update(is_active=False)
    answers.append(sign_in(app, ANA))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "credentials_invalid"


def test_a_person_without_a_password_cannot_sign_in(app: App) -> None:
    User.objects.update(password=make_password(None))
    assert sign_in(app, ANA).status_code == 401


def _count(times: int) -> None:
    RateCount.objects.update(count=times)


def test_a_stranger_cannot_lock_the_owner_out() -> None:
    stranger, owner = App(REMOTE_ADDR="203.0.113.9"), App(REMOTE_ADDR="198.51.100.7")
    sign_in(stranger, ANA, "wrong")
    _count(10)
    refused = sign_in(stranger, ANA, PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused["Retry-After"]) <= 900
    assert sign_in(owner, ANA).status_code == 200
    assert sign_in(stranger, BEN).status_code == 401


def test_refused_tries_do_not_count_against_the_number() -> None:
    stranger = App(REMOTE_ADDR="203.0.113.9")
    sign_in(stranger, ANA, "wrong")
    _count(10)
    sign_in(stranger, ANA, "wrong")
    assert sorted(RateCount.objects.values_list("count", flat=True)) == [10, 11, 11, 11]


def test_an_address_has_an_end_whatever_numbers_it_tries() -> None:
    stranger = App(REMOTE_ADDR="203.0.113.9")
    sign_in(stranger, ANA, "wrong")
    _count(3_000)
    assert sign_in(stranger, BEN).status_code == 429


def test_one_ipv6_client_is_one_client() -> None:
    client = "2001:db8:1:2::1"
    for _ in range(10):
        sign_in(App(REMOTE_ADDR=client), ANA, "wrong")
    assert sign_in(App(REMOTE_ADDR="2001:db8:1:2:ffff::1"), ANA).status_code == 429
    assert sign_in(App(REMOTE_ADDR="2001:db8:1:3::1"), ANA).status_code == 200
