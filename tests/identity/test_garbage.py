"""Any input gets an error of ours and never a 500: the test client raises every uncaught exception."""

import json
from typing import Any
from uuid import uuid4

import pytest

from identity.models import RateCount, User
from messaging.models import Message

from .conftest import AddContacts
from .phones import ANA, App

AUTH = ["register", "verify-sms", "send-sms", "login", "token/refresh", "logout"]
FIELDS = {
    "register": {
        "phone_number": ANA,
        "password": "correct horse battery",
        "first_name": "Ana",
        "last_name": "A",
        "language": "ky",
    },
    "verify-sms": {"phone_number": ANA, "code": "123456", "verification_id": str(uuid4())},
    "send-sms": {"phone_number": ANA, "verification_id": str(uuid4())},
    "login": {"phone_number": ANA, "password": "x"},
    "token/refresh": {"refresh": "x"},
    "logout": {"refresh": "x"},
}
BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"true",
    b"{",
    b"\xff\xfe",
    b'{"phone_number": NaN}',
    b"[" * 20_000,
    b'{"phone_number":' * 5_000,
    b"1" * 6_000,
    b"{" + b'"a":1,' * 9_000 + b'"a":1}',
    b" " * 70_000,
]
VALUES: list[Any] = [
    None,
    True,
    -1,
    10**300,
    1e400,
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\u202e",
    "+" + "9" * 60_000,
    "٠١٢٣٤٥",
    "+996555123456;ext=1",
    "tel:+996555123456",
    "' OR 1=1 --",
    "{code}%s%(x)s",
    [],
    {},
    [[]],
    {"a": {"b": []}},
]


def _deep(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def _is_refusal(answer: Any) -> bool:
    is_problem = answer["Content-Type"] == "application/problem+json" and answer.json()["code"]
    return 400 <= answer.status_code < 500 and bool(is_problem)


def _send(app: App, method: str, path: str, body: Any, kind: str = "application/json", **headers: Any) -> Any:
    return app.generic(method, path, body, content_type=kind, **headers)


@pytest.mark.parametrize("body", BODIES, ids=[str(body[:20]) for body in BODIES])
def test_bodies(anas_app: App, body: bytes, add_contacts: AddContacts) -> None:
    (aida,) = add_contacts("Aida")
    targets = [("POST", f"/api/v1/auth/{name}/") for name in AUTH]
    targets += [("POST", "/api/v1/me/contacts/"), ("PUT", "/api/v1/me/contacts/order/")]
    targets += [("PATCH", "/api/v1/me/"), ("PATCH", f"/api/v1/me/contacts/{aida.id}/")]
    for method, path in targets:
        answer = _send(anas_app, method, path, body)
        # An object with only unknown fields changes nothing.
        is_unchanged = method == "PATCH" and answer.status_code == 200
        assert is_unchanged or _is_refusal(answer), (method, path, answer.status_code)
    assert Message.objects.count() == 1  # The invitation of Aida.


@pytest.mark.parametrize("name", AUTH)
def test_values_of_auth(app: App, name: str) -> None:
    for field in FIELDS[name]:
        for value in [*VALUES, _deep(400), _deep(900)]:
            RateCount.objects.all().delete()
            body = json.dumps(FIELDS[name] | {field: value}).encode()
            answer = _send(app, "POST", f"/api/v1/auth/{name}/", body)
            assert answer.status_code in {200, 204} or _is_refusal(answer), (field, value)


def test_values_of_a_persons_own(anas_app: App, ana: User, add_contacts: AddContacts) -> None:
    (aida,) = add_contacts("Aida")
    contact_fields = ["name", "phone_number", "relation", "language"]
    targets = [("PATCH", "/api/v1/me/", field) for field in ("first_name", "last_name", "language", "email")]
    targets += [("PATCH", f"/api/v1/me/contacts/{aida.id}/", field) for field in contact_fields]
    targets += [("POST", "/api/v1/me/contacts/", field) for field in contact_fields]
    targets += [("PUT", "/api/v1/me/contacts/order/", "ids")]
    valid = {"name": "Ben", "phone_number": "+996700654321"}
    for value in [*VALUES, _deep(400), _deep(900), [_deep(400)], [str(uuid4())] * 51]:
        for method, path, field in targets:
            body = json.dumps((valid if method == "POST" else {}) | {field: value}).encode()
            answer = _send(anas_app, method, path, body, headers={"Idempotency-Key": str(uuid4())})
            assert answer.status_code in {200, 201} or _is_refusal(answer), (path, field, value)
            ana.contacts.exclude(id=aida.id).delete()


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/xml", "garbage", ""])
def test_other_kinds_of_bodies(app: App, kind: str) -> None:
    for name in AUTH:
        answer = _send(app, "POST", f"/api/v1/auth/{name}/", b"x=1", kind)
        assert _is_refusal(answer)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods(app: App, method: str) -> None:
    for name in AUTH:
        assert app.generic(method, f"/api/v1/auth/{name}/").status_code == 405


@pytest.mark.parametrize("place", ["x", "0", "%00", "00000000-0000-0000-0000-00000000000g", "é" * 300])
def test_paths(anas_app: App, place: str) -> None:
    assert anas_app.get(f"/api/v1/me/contacts/{place}/").status_code == 404
