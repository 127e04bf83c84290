"""An SOS is taken however the headers that prove the account are written (Promise 11)."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from alerts.models import SosAlert
from config import fair_share
from identity.devices import credentials
from identity.models import Platform, User
from messaging.database import clock
from tests.alerts.conftest import Contacts
from tests.signed_in import bearer

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(ana: User) -> str:
    return bearer(ana).removeprefix("Bearer ")


@pytest.fixture
def credential(ana: User) -> str:
    registered = credentials.register(
        person=ana, session_id=None, name="Ana's", platform=Platform.ANDROID, now=clock.now()
    )
    return registered.credential


WRITTEN = [
    "Bearer {}",
    "bearer {}",
    "BEARER {}",
    "bEaReR   {} ",
    "Bearer\t{}",
    "Bearer: {}",
    'Bearer "{}"',
    "Bearer Bearer {}",
    "Token {}",
    "{}",
    "Bearer {},Bearer {}",
    "Basic YTpi, Bearer {}",
    "Bearer {}, Basic YTpi",
    "Bearer a.b.c, bearer {}",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_token_counts_however_it_is_written(ana: User, contacts: Contacts, token: str, written: str) -> None:
    contacts("Aida")
    headers = {"Authorization": written.replace("{}", token)}
    answer: Any = APIClient(headers=headers).post(URL, {}, format="json")
    assert answer.status_code == 201
    assert SosAlert.objects.get().owner == ana
    assert Client().get(URL, headers=headers).status_code == 200


@pytest.mark.parametrize("written", WRITTEN)
def test_each_way_of_writing_it_has_the_same_share(rf: Any, ana: User, token: str, written: str) -> None:
    request = rf.get("/api/v1/locations/", headers={"Authorization": written.replace("{}", token)})
    assert fair_share._who(request) == str(ana.id)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer a b", "Basic YTpi", "Bearer a.b.c", "a.b.c," * 900]
)
def test_no_token_is_no_account(header: str) -> None:
    answer: Any = APIClient(headers={"Authorization": header}).post(URL, {}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert not SosAlert.objects.exists()


def test_of_two_tokens_a_valid_one_counts(ana: User, stranger: User, token: str) -> None:
    ended = bearer(stranger, is_expired=True)
    answer: Any = APIClient(headers={"Authorization": f"{ended}, Bearer {token}"}).post(URL, {}, format="json")
    assert answer.status_code == 201
    assert SosAlert.objects.get().owner == ana


@pytest.mark.parametrize("written", ["{}", " {} ", '"{}"', "Bearer {}", "{},{}", "{}, x", "<{}>"])
def test_a_credential_counts_however_it_is_written(rf: Any, credential: str, written: str) -> None:
    header = written.replace("{}", credential)
    answer: Any = APIClient(headers={"X-SOS-Credential": header}).post(URL, {}, format="json")
    assert answer.status_code == 201
    asked = [rf.post("/api/v1/uploads/", headers={"X-SOS-Credential": value}) for value in (header, credential)]
    assert fair_share._who(asked[0]) == fair_share._who(asked[1])


@pytest.mark.parametrize(
    "spoil", ["revoke", "x", "another secret", "another device", "garbage", "not UTF-8", "expired"]
)
def test_a_wrong_credential_is_named_as_what_it_is(ana: User, credential: str, spoil: str) -> None:
    headers = {"X-SOS-Credential": credential}
    device, _, secret = credential.partition(".")
    if spoil in ("revoke", "expired"):
        credentials.revoke_all(ana.id, now=clock.now())
    if spoil == "expired":
        headers["Authorization"] = bearer(ana, is_expired=True)
    wrong = {
        "x": f"{credential}x",
        "another secret": f"{device}.{secret[::-1]}",
        "another device": f"{ana.id}.{secret}",
        "garbage": "garbage",
        "not UTF-8": "\xff\xfe",
    }
    headers["X-SOS-Credential"] = wrong.get(spoil, credential)
    answer: Any = APIClient(headers=headers).post(URL, {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not SosAlert.objects.exists()


def test_a_wrong_credential_beside_a_valid_token_does_no_harm(ana: User) -> None:
    headers = {"X-SOS-Credential": "garbage", "Authorization": bearer(ana)}
    assert APIClient(headers=headers).post(URL, {}, format="json").status_code == 201
    assert APIClient(headers=headers).get(URL).status_code == 200
