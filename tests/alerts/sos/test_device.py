"""An SOS by a device's credential: it needs no valid access token, and the credential does nothing else."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from alerts.models import SosAlert
from identity.devices import credentials
from identity.models import Platform, User
from identity.pins.pins import Proof
from messaging.database import clock
from tests.alerts.conftest import Contacts
from tests.alerts.engine import messages
from tests.signed_in import bearer

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential(ana: User) -> str:
    registered = credentials.register(
        person=ana, session_id=None, name="Ana's", platform=Platform.ANDROID, now=clock.now()
    )
    return registered.credential


def expired_token(user: User) -> str:
    return bearer(user, is_expired=True)


def device(credential: str, **headers: str) -> APIClient:
    return APIClient(headers={"X-SOS-Credential": credential} | headers)


@pytest.mark.parametrize("token", ["", "expired", "Bearer garbage", "Bearer", "Bearer a b", "Basic x"])
def test_no_state_of_the_access_token_blocks_an_sos(ana: User, contacts: Contacts, credential: str, token: str) -> None:
    contacts("Aida")
    headers = {"Authorization": expired_token(ana) if token == "expired" else token} if token else {}
    answer = device(credential, **headers).post(URL, {"latitude": 42.87, "longitude": 74.57}, format="json")
    assert answer.status_code == 201
    alert = SosAlert.objects.get()
    assert (alert.owner, alert.latitude) == (ana, 42.87)
    assert len(messages(str(alert.id))) == 1


def test_the_answer_names_nobody_and_no_place(contacts: Contacts, credential: str) -> None:
    contacts("Aida")
    for status in (201, 200):
        answer = device(credential).post(URL, {"latitude": 42.87, "longitude": 74.57}, format="json")
        assert answer.status_code == status
        assert answer.json().keys() == {"id", "status", "created_at", "warnings"}
        assert answer.json()["status"] == "active"


@pytest.mark.parametrize("status", ["200", "201"])
def test_the_schema_declares_what_a_device_gets(
    ana: User, contacts: Contacts, credential: str, phone: APIClient, status: str
) -> None:
    """Generated clients throw for a field that is declared and missing, after an SOS that succeeded."""
    contacts("Aida")
    if status == "200":
        phone.post(URL, {}, format="json")
    alone = device(credential).post(URL, {"latitude": 42.87, "longitude": 74.57}, format="json")
    whole = device(credential, Authorization=bearer(ana)).post(URL, {}, format="json")
    schema: Any = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    content = schema["paths"][URL]["post"]["responses"][status]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    declared = schema["components"]["schemas"][name]
    assert set(declared["required"]) == alone.json().keys() < whole.json().keys()
    assert declared["properties"].keys() == whole.json().keys()


def test_a_replayed_response_names_nobody_to_a_device(phone: APIClient, contacts: Contacts, credential: str) -> None:
    contacts("Aida")
    keyed = {"Idempotency-Key": "press"}
    whole = phone.post(URL, {}, format="json", headers=keyed)
    again = device(credential).post(URL, {}, format="json", headers=keyed)
    assert (again.status_code, again.json()["id"]) == (201, whole.json()["id"])
    assert again.json().keys() == {"id", "status", "created_at", "warnings"}
    assert SosAlert.objects.count() == 1


def test_with_a_valid_token_the_answer_is_whole(ana: User, contacts: Contacts, credential: str) -> None:
    contacts("Aida")
    answer = device(credential, Authorization=bearer(ana)).post(URL, {}, format="json")
    assert len(answer.json()["contacts"]) == 1


def test_a_revoked_credential_is_refused_like_none(ana: User, credential: str) -> None:
    credentials.revoke(person_id=ana.id, device_id=ana.devices.get().id, proof=Proof.NONE_SET, now=clock.now())
    for client in (device(credential), device("garbage"), device(credential, Authorization=expired_token(ana))):
        answer = client.post(URL, {}, format="json")
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert not SosAlert.objects.exists()


# Every operation that the credential is for; test_it_opens_nothing_else walks the others.
FOR_DEVICES = {
    ("post", "/api/v1/sos-alerts/{alert_id}/locations/"),
    ("post", "/api/v1/sos-alerts/{alert_id}/locations/batch/"),
    ("post", URL),
    *(("post", f"{URL}{{alert_id}}/upload_{kind}/") for kind in ("audio", "video", "photo")),
    ("post", f"{URL}{{alert_id}}/uploads/"),
    ("patch", "/api/v1/uploads/{upload_id}/"),
}


def operations() -> list[tuple[str, str]]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    # Signing in and the public key of exports are open to everybody.
    shut = [path for path in paths if "/auth/" not in path and not path.endswith("/export-key/")]
    return [(method, path) for path in shut for method in paths[path]]


def test_it_opens_nothing_else(ana: User, contacts: Contacts, credential: str) -> None:
    (aida,) = contacts("Aida")
    alert = device(credential).post(URL, {}, format="json").json()["id"]
    ids = {"{alert_id}": alert, "{contact_id}": str(aida.id), "{device_id}": str(ana.devices.get().id)}
    ids |= {"{timer_id}": alert, "{upload_id}": alert}
    walked: set[tuple[str, str]] = set()
    for method, path in operations():
        url = path
        for name, value in ids.items():
            url = url.replace(name, value)
        url = re.sub(r"\{\w+\}", alert, url)
        answer: Any = getattr(device(credential), method)(url, {}, format="json")
        # A signed URL asks nobody who they are.
        is_shut = answer.status_code == (404 if "{signature}" in path else 401)
        assert is_shut == ((method, path) not in FOR_DEVICES), (method, path, answer.status_code)
        walked.add((method, path))
    assert walked > FOR_DEVICES


def test_the_credential_is_no_bearer_token(credential: str) -> None:
    answer = Client().get(URL, headers={"Authorization": f"Bearer {credential}"})
    assert answer.status_code == 401
