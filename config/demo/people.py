"""The people of the story: each acts through the public HTTP API only, as a phone would."""

import secrets
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests

_TIMEOUT_S = 20


class StoryFailed(Exception):
    """A step of the story did not happen as it should; the text says which."""


def fresh_numbers(count: int) -> list[str]:
    """Kyrgyz mobile numbers that differ in every run: the people of earlier runs are still registered."""
    chosen = secrets.SystemRandom().sample(range(1_000_000), count)
    return [f"+996555{number:06d}" for number in chosen]


@dataclass(frozen=True, kw_only=True)
class Contact:
    name: str
    phone: str
    relation: str
    language: str


def accept(link: str) -> None:
    """Open the link of an invitation and accept, as a contact does in a browser."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(link, data={"choice": "accept"}, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            raise StoryFailed(f"{link} was not answered: {type(error).__name__}") from error
    if not answer.ok:
        raise StoryFailed(f"{link} was answered {answer.status_code}.")


@dataclass(kw_only=True)
class Person:
    """A person with the app, who acts through the public API."""

    base_url: str
    name: str
    last_name: str
    phone: str
    language: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9))

    def __post_init__(self) -> None:
        self._session = requests.Session()
        # A proxy of the environment must not come between processes of one machine.
        self._session.trust_env = False

    def register(self) -> str:
        """Register, and return the id of the verification. The code comes by SMS."""
        response = self.post(
            "auth/register/",
            {
                "phone_number": self.phone,
                "password": self.password,
                "first_name": self.name,
                "last_name": self.last_name,
                "language": self.language,
            },
        )
        return str(response["verification_id"])

    def verify(self, verification_id: str, code: str) -> None:
        """Prove the phone number with the code. Later requests carry the access token."""
        response = self.post(
            "auth/verify-sms/",
            {"phone_number": self.phone, "code": code, "verification_id": verification_id},
        )
        self._session.headers["Authorization"] = f"Bearer {response['tokens']['access']}"

    def add_contact(self, contact: Contact) -> None:
        self.post(
            "me/contacts/",
            {
                "name": contact.name,
                "phone_number": contact.phone,
                "relation": contact.relation,
                "language": contact.language,
            },
        )

    def post(self, path: str, body: object = None) -> dict[str, Any]:
        # Repeating a POST with its key is harmless, which is what a phone on a bad network does.
        key = {} if path.startswith("auth/") else {"Idempotency-Key": str(uuid4())}
        return self._call("POST", path, json=body, headers=key)

    def get(self, path: str) -> dict[str, Any]:
        return self._call("GET", path)

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            response = self._session.request(method, f"{self.base_url}/api/v1/{path}", timeout=_TIMEOUT_S, **content)
        except requests.RequestException as error:
            raise StoryFailed(f"{method} {path} got no response: {type(error).__name__}") from error
        if not response.ok:
            raise StoryFailed(f"{method} {path} got the response {response.status_code}: {response.text[:300]}")
        body: dict[str, Any] = response.json()
        return body
