"""Every endpoint of the schema, walked by a device that is signed out: nothing is read, nothing is changed, at once.

Found (audit H3): an access token went on for 30 minutes after sign-out and after a change of the password. It read,
added a contact (201) and minted an SOS credential (201) that lived for ever. Now: 401 with the next request.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from alerts.models import SosAlert
from identity.models import Device, EmergencyContact, Session, User
from identity.sessions import open_sessions, tokens
from messaging.database import clock
from messaging.models import Message
from tests.identity.phones import ANA, PASSWORD, App, sign_in
from tests.race import at_once, held_up
from tests.security.test_strangers import BODIES, PARAMETERS, operations

API = "/api/v1"
HASH = make_password(PASSWORD)


@pytest.fixture
def ana(db: None) -> User:
    ana = User.objects.create(phone_number=ANA, first_name="Zarina", last_name="Tologonova", password=HASH)
    EmergencyContact.objects.create(user=ana, name="Kanykei", phone_number="+996700555666", order=0)
    return ana


class Phone(App):
    """A phone that signed in and registered itself for SOS."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        answer = App().post(f"{API}/auth/login/", {"phone_number": ANA, "password": PASSWORD} | fields).json()
        self.tokens = answer["tokens"]
        self.credentials(HTTP_AUTHORIZATION=f"Bearer {self.tokens['access']}")
        self.session_id = str(tokens._read(self.tokens["refresh"])[0])
        self.device = self.post(f"{API}/me/devices/", {"name": "phone", "platform": "android"}).json()

    def with_credential(self) -> APIClient:
        return APIClient(
            headers={
                "Authorization": f"Bearer {self.tokens['access']}",
                "X-SOS-Credential": self.device["credential"],
                "Tus-Resumable": "1.0.0",
            }
        )


def signs_out(lost: Phone, own: Phone) -> None:
    assert App().post(f"{API}/auth/logout/", {"refresh": lost.tokens["refresh"]}).status_code == 204


def changes_password(lost: Phone, own: Phone) -> None:
    body = {"password": PASSWORD, "new_password": "battery horse correct"}
    assert own.put(f"{API}/me/password/", body).status_code == 204


def ends_it(lost: Phone, own: Phone) -> None:
    assert own.delete(f"{API}/me/sessions/{lost.session_id}/").status_code == 204


def ends_all_others(lost: Phone, own: Phone) -> None:
    assert own.delete(f"{API}/me/sessions/").status_code == 204


def operator_ends(lost: Phone, own: Phone, *, action: str = "end_sessions_and_credentials") -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("+996777000001", "operators-password"))
    body = {"action": action, "_selected_action": [str(User.objects.get(phone_number=ANA).id)]}
    assert client.post("/admin/identity/user/", body).status_code == 302


def is_deleted(lost: Phone, own: Phone) -> None:
    Session.objects.filter(id=lost.session_id).delete()


def expires(lost: Phone, own: Phone) -> None:
    Session.objects.filter(id=lost.session_id).update(expires_at=clock.now())


End = Callable[[Phone, Phone], None]
ENDS: list[End] = [
    *(
        signs_out,
        changes_password,
        ends_it,
        ends_all_others,
        operator_ends,
        partial(operator_ends, action="end_sessions"),
    ),
    *(is_deleted, expires),
]
# These ends also revoke the SOS credential. The other ones leave every phone its SOS button.
ENDS_OF_CREDENTIALS: list[End] = [signs_out, ends_it, ends_all_others, operator_ends]


def snapshot() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values()) for model in (User, EmergencyContact, Device, SosAlert, Message)
    ]


def walk(client: APIClient) -> list[tuple[str, int]]:
    """All operations that need a session, with their status. Asserts that nothing is shown and nothing changed."""
    before, answers = snapshot(), []
    ids = {"{device_id}": Device.objects.first(), "{contact_id}": EmergencyContact.objects.get()}
    for method, path in operations():
        if "/auth/" in path or path.endswith("/export-key/") or "{signature}" in path:
            continue  # They take no session; test_strangers.py walks them.
        url = path
        for name in PARAMETERS:
            row = ids.get(name) or SosAlert.objects.first()
            url = url.replace(name, str(row.pk if row else Session.objects.first()))
        for body in BODIES:
            answer = getattr(client, method)(url, body, format="json")
            answers.append((f"{method} {url}", answer.status_code))
            shown = answer.getvalue().decode()
            assert not [secret for secret in ("Zarina", "Kanykei", "700555666") if secret in shown], f"{url}: {shown}"
    assert len(answers) > 200
    assert snapshot() == before
    return answers


@pytest.mark.parametrize("end", ENDS)
def test_a_signed_out_device_reads_and_changes_nothing(ana: User, end: End) -> None:
    """Found: for 30 minutes after sign-out all of these 207 requests were heard, 60 with success. Now: 401 for each."""
    lost, own = Phone(), Phone()
    assert lost.get(f"{API}/me/").status_code == 200
    end(lost, own)
    assert {status for _, status in walk(lost)} == {401}
    answer = lost.get(f"{API}/me/")
    assert (answer.json()["code"], answer["Content-Type"]) == ("session_ended", "application/problem+json")
    refused = App().post(f"{API}/auth/token/refresh/", {"refresh": lost.tokens["refresh"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    stays = {signs_out, changes_password, ends_it, ends_all_others, is_deleted, expires}
    assert (own.get(f"{API}/me/").status_code == 200) is (end in stays)


@pytest.mark.parametrize("end", ENDS_OF_CREDENTIALS)
def test_its_sos_credential_ends_too(ana: User, end: End) -> None:
    lost, own = Phone(), Phone()
    end(lost, own)
    assert {status for _, status in walk(lost.with_credential())} == {401}


def test_after_a_change_of_the_password_the_credential_raises_an_sos_until_it_is_removed(ana: User) -> None:
    """A device must not lose its SOS button, so the owner sees the credential and removes it."""
    lost, own = Phone(), Phone()
    changes_password(lost, own)
    raised = lost.with_credential().post(f"{API}/sos-alerts/", {}, format="json")
    assert raised.status_code == 201
    assert raised.json().keys() == {"id", "status", "created_at", "warnings"}
    shown = {device["id"]: device for device in own.get(f"{API}/me/devices/").json()["results"]}
    lost_id, own_id = lost.device["device"]["id"], own.device["device"]["id"]
    assert (shown[lost_id]["is_signed_in"], shown[own_id]["is_signed_in"]) == (False, True)
    assert shown[lost_id]["last_used_at"]
    assert own.delete(f"{API}/me/devices/{lost_id}/").status_code == 204
    assert lost.with_credential().post(f"{API}/sos-alerts/", {}, format="json").status_code == 401


@pytest.mark.parametrize("claims", [{}, {"sid": None}, {"sid": ""}, {"sid": "garbage"}, {"sid": 7}, {"sid": ["x"]}])
def test_a_token_that_names_no_session_is_refused(ana: User, claims: dict[str, Any]) -> None:
    """Found: a token without `sid` read everything. Now: 401."""
    token = AccessToken()
    token["user_id"] = str(ana.id)
    for name, value in claims.items():
        token[name] = value
    answer = App(HTTP_AUTHORIZATION=f"Bearer {token}").get(f"{API}/me/")
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")


def test_a_session_opens_nobody_elses_account(ana: User) -> None:
    other = User.objects.create(phone_number="+996700999000")
    token = AccessToken()
    token["user_id"], token["sid"] = str(other.id), Phone().session_id
    assert App(HTTP_AUTHORIZATION=f"Bearer {token}").get(f"{API}/me/").status_code == 401


def test_the_check_costs_no_further_statement(ana: User) -> None:
    """Found: one statement that read the person. Now: one statement that reads the person and checks the session."""
    phone = Phone()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert phone.get(f"{API}/me/").status_code == 200
    assert len(asked) == 1
    Session.objects.update(last_used_at=clock.now() - timedelta(minutes=2))
    with CaptureQueriesContext(connection) as asked:
        phone.get(f"{API}/me/")
    assert len(asked) == 2  # Once a minute the use is noted.


def test_an_sos_notes_no_use(ana: User) -> None:
    phone, before = Phone(), clock.now() - timedelta(minutes=5)
    Session.objects.update(last_used_at=before)
    for client in (phone, phone.with_credential()):
        client.post(f"{API}/sos-alerts/", {}, format="json")
    assert Session.objects.get().last_used_at == before
    phone.get(f"{API}/me/")
    assert Session.objects.filter(last_used_at__gt=before).exists()


@pytest.mark.django_db(transaction=True)
def test_noting_the_use_waits_for_nobody(ana: User) -> None:
    phone = Phone()
    Session.objects.update(last_used_at=None)
    with transaction.atomic():
        Session.objects.select_for_update().get()
        [answer] = at_once(lambda: phone.get(f"{API}/me/"))
        assert answer.status_code == 200
    assert Session.objects.get().last_used_at is None


@pytest.mark.django_db(transaction=True)
def test_a_registration_that_meets_the_sign_out_leaves_no_credential(ana: User) -> None:
    """Found: a device that registered while its session ended kept the credential for ever."""
    phone = Phone()
    body = {"name": "late", "platform": "android"}
    with held_up(lambda: phone.post(f"{API}/me/devices/", body)) as answer:
        tokens.close(phone.tokens["refresh"], now=clock.now())
    assert (answer.result().status_code, answer.result().json()["code"]) == (401, "session_ended")
    assert not Device.objects.filter(revoked_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_sessions_that_end_each_other_one_stays(ana: User) -> None:
    one, other = Phone(), Phone()
    answers = at_once(*(partial(phone.delete, f"{API}/me/sessions/") for phone in (one, other)))
    assert sorted(answer.status_code for answer in answers) == [204, 401]
    assert Session.objects.filter(revoked_at=None).count() == 1


def test_the_operators_end_is_logged(ana: User) -> None:
    lost, own = Phone(), Phone()
    operator_ends(lost, own, action="end_sessions")
    assert Session.objects.filter(user=ana, revoked_at=None).count() == 0
    assert Device.objects.filter(revoked_at=None).count() == 2
    assert open_sessions.listed(ana.id, now=clock.now()) == []
    assert sign_in(App(), ANA).status_code == 200
