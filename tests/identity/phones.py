"""Requests of a phone for registration and sign-in, and the SMS it finds in the outbox."""

import re
from typing import Any

from rest_framework.test import APIClient

from messaging.encryption import decrypt
from messaging.models import Message

ANA = "+996555123456"
BEN = "+996700654321"
PASSWORD = "correct horse battery"


class App(APIClient):
    default_format = "json"


def register(app: App, phone_number: str = BEN, **fields: Any) -> Any:
    return app.post("/api/v1/auth/register/", application(phone_number) | fields)


def application(phone_number: str = BEN) -> dict[str, Any]:
    return {"phone_number": phone_number, "password": PASSWORD, "first_name": "Ben", "last_name": "Bek"}


def texts_to(phone_number: str) -> list[str]:
    """The SMS to a number, oldest first."""
    found = Message.objects.filter(address=phone_number).order_by("id")
    return [decrypt(bytes(message.text)) for message in found if message.text]


def code_for(phone_number: str) -> str:
    """The code in the latest SMS to a number."""
    match = re.search(r"\b\d{6}\b", texts_to(phone_number)[-1])
    assert match, texts_to(phone_number)
    return match.group()


def another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def verify(app: App, pending: Any, code: str, **fields: Any) -> Any:
    body = {"phone_number": pending["phone_number"], "verification_id": pending["verification_id"]}
    return app.post("/api/v1/auth/verify-sms/", body | {"code": code} | fields)


def resend(app: App, pending: Any, **fields: Any) -> Any:
    body = {"phone_number": pending["phone_number"], "verification_id": pending["verification_id"]}
    return app.post("/api/v1/auth/send-sms/", body | fields)


def sign_in(app: App, phone_number: str = BEN, password: str = PASSWORD) -> Any:
    return app.post("/api/v1/auth/login/", {"phone_number": phone_number, "password": password})
