"""A person with the app, who acts through the public API, and the contacts they have."""

import itertools
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from tests.world.installation import World

_ACCEPTED = """
INSERT INTO identity_contactconsent
    (id, user_id, phone_number, state, at, how, text_version, language, texts_sent, generation)
SELECT gen_random_uuid(), id, %s, 'accepted', now(), 'import', 1, 'en', 0, 0 FROM identity_user WHERE phone_number = %s
"""
_numbers = itertools.count(int(time.time()) % 100_000 * 10)
PASSWORD = "a long enough pass phrase"


def fresh_number() -> str:
    """A valid Kyrgyz mobile number that no test of this run has used."""
    return f"+99670{next(_numbers) % 10_000_000:07d}"


@dataclass(frozen=True)
class Contact:
    id: str
    name: str
    phone: str


@dataclass
class Person:
    world: "World"
    phone: str
    first_name: str
    verification_id: str = ""
    contacts: list[Contact] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> requests.Response:
        return self.session.post(f"{self.world.url}/api/v1/{path}", json=body, timeout=20, **kwargs)

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.session.get(f"{self.world.url}/api/v1/{path}", timeout=20, **kwargs)

    def register(self) -> requests.Response:
        answer = self.post(
            "auth/register/",
            {
                "phone_number": self.phone,
                "password": PASSWORD,
                "first_name": self.first_name,
                "last_name": "Asanova",
                "language": "en",
            },
        )
        if answer.ok:
            self.verification_id = answer.json()["verification_id"]
        return answer

    def verify(self, timeout_s: float = 15) -> None:
        """Type in the code that arrives on the phone, and stay signed in."""
        [sms, *_] = self.world.sandbox.wait_for(self.phone, 1, timeout_s)
        [code] = re.findall(r"(?<!\d)\d{6}(?!\d)", sms["body"])
        answer = self.post(
            "auth/verify-sms/",
            {"phone_number": self.phone, "code": code, "verification_id": self.verification_id},
        )
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['tokens']['access']}"

    def add_contacts(self, *names: str, invited: bool = False) -> list[Contact]:
        """Add contacts who have accepted before, as if imported; with `invited` they get the SMS that asks them."""
        for name in names:
            body = {"name": name, "phone_number": fresh_number(), "relation": "friend", "language": "en"}
            if not invited:
                self.world.execute(_ACCEPTED, body["phone_number"], self.phone)
            answer = self.post("me/contacts/", body)
            answer.raise_for_status()
            self.contacts.append(Contact(answer.json()["id"], name, body["phone_number"]))
        return self.contacts

    def press_sos(self, **body: Any) -> requests.Response:
        return self.post("sos-alerts/", {"latitude": 42.8746, "longitude": 74.5698} | body)

    def alert(self, alert_id: str) -> dict[str, Any]:
        answer = self.get(f"sos-alerts/{alert_id}/")
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body
