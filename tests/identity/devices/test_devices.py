"""Devices are registered, listed and revoked, and recognised by their credentials."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from identity.devices import credentials
from identity.models import Device, Session, User
from messaging.database import clock
from tests.identity.conftest import signed_in
from tests.identity.phones import ANA, PASSWORD, App, sign_in
from tests.race import at_once

URL = "/api/v1/me/devices/"


def register(app: App, **fields: Any) -> Any:
    return app.post(URL, {"name": "Ana's phone", "platform": "android"} | fields)


def test_registering_shows_the_credential_once(anas_app: App) -> None:
    answer = register(anas_app)
    assert answer.status_code == 201
    device, credential = answer.json()["device"], answer.json()["credential"]
    assert device.keys() == {"id", "name", "platform", "created_at", "last_used_at", "is_signed_in"}
    assert (device["name"], device["platform"], device["last_used_at"]) == ("Ana's phone", "android", None)
    listed = anas_app.get(URL)
    assert listed.json() == {"results": [device]}
    assert credential.partition(".")[2] not in listed.content.decode()


def test_only_a_hash_is_stored(anas_app: App) -> None:
    secret = register(anas_app).json()["credential"].partition(".")[2]
    assert len(secret) == 43  # 256 bits in base64.
    (row,) = Device.objects.values()
    assert secret not in json.dumps(row, default=str)
    assert len(bytes(row["credential_hash"])) == 32


def test_its_use_is_noted_to_the_minute(anas_app: App, ana: User) -> None:
    credential = register(anas_app).json()["credential"]
    first = clock.now()
    for seconds, noted in ((0, 0), (30, 0), (61, 61)):
        found = credentials.recognise(credential, now=first + timedelta(seconds=seconds))
        assert found is not None
        assert found.user == ana
        assert Device.objects.get().last_used_at == first + timedelta(seconds=noted)


@pytest.mark.parametrize(
    "garbage", ["", ".", "x", "x.y", "é.é", "\ud800.\ud800", "a" * 10_000, "{id}.", "{id}.wrong", "{id}"]
)
def test_a_garbage_credential_belongs_to_nobody(anas_app: App, garbage: str) -> None:
    device_id = register(anas_app).json()["device"]["id"]
    assert credentials.recognise(garbage.replace("{id}", device_id), now=clock.now()) is None


def test_one_devices_secret_is_not_anothers(anas_app: App) -> None:
    one, other = (register(anas_app).json()["credential"].split(".") for _ in range(2))
    assert credentials.recognise(f"{one[0]}.{other[1]}", now=clock.now()) is None


def test_a_revoked_device_belongs_to_nobody(anas_app: App) -> None:
    answer = register(anas_app).json()
    assert anas_app.delete(f"{URL}{answer['device']['id']}/").status_code == 204
    assert credentials.recognise(answer["credential"], now=clock.now()) is None
    assert anas_app.get(URL).json() == {"results": []}
    assert anas_app.delete(f"{URL}{answer['device']['id']}/").status_code == 404


def test_a_deactivated_persons_device_is_not_recognised(anas_app: App) -> None:
    credential = register(anas_app).json()["credential"]
    User.objects.update(is_active=False)
    assert credentials.recognise(credential, now=clock.now()) is None


def test_another_persons_device_cannot_be_revoked(anas_app: App, stranger: User) -> None:
    device = register(anas_app).json()["device"]
    assert signed_in(stranger).delete(f"{URL}{device['id']}/").status_code == 404
    assert signed_in(stranger).get(URL).json() == {"results": []}
    assert Device.objects.get().revoked_at is None


def test_signing_out_revokes_the_device_of_that_session_only(app: App, ana: User) -> None:
    User.objects.update(password=make_password(PASSWORD))
    shown = []
    for _ in range(2):
        tokens = sign_in(app, ANA).json()["tokens"]
        shown.append(register(App(headers={"Authorization": f"Bearer {tokens['access']}"})).json()["credential"])
    assert app.post("/api/v1/auth/logout/", {"refresh": tokens["refresh"]}).status_code == 204
    kept, revoked = (credentials.recognise(credential, now=clock.now()) for credential in shown)
    assert kept is not None
    assert revoked is None


def test_a_session_that_is_purged_leaves_the_device(app: App, ana: User) -> None:
    User.objects.update(password=make_password(PASSWORD))
    tokens = sign_in(app, ANA).json()["tokens"]
    credential = register(App(headers={"Authorization": f"Bearer {tokens['access']}"})).json()["credential"]
    Session.objects.all().delete()
    assert credentials.recognise(credential, now=clock.now()) is not None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "\u202e"}, "name"),
        ({"platform": "\ud800"}, "platform"),
        ({"platform": []}, "platform"),
        ({"platform": None}, "platform"),
    ],
)
def test_wrong_fields_are_named(anas_app: App, fields: dict[str, Any], named: str) -> None:
    answer = anas_app.generic("POST", URL, json.dumps({"name": "X", "platform": "ios"} | fields), "application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [named])


@pytest.mark.django_db(transaction=True)
def test_there_are_at_most_ten_also_at_once(ana: User) -> None:
    for _ in range(credentials.MAX_DEVICES - 1):
        register(signed_in(ana))
    answers = at_once(*[partial(register, signed_in(ana)) for _ in range(3)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "too_many_devices"
