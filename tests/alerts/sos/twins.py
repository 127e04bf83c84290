"""Two people who do the same but for the PIN they type: the responses to their devices must not differ."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID
from zipfile import ZipFile

from rest_framework.test import APIClient

from alerts.models import SosAlert
from identity.models import EmergencyContact, User
from messaging.models import Message
from tests.alerts.conftest import app
from tests.alerts.engine import messages
from tests.alerts.typed import DURESS_PIN, SAFE_PIN, set_pins

URL = "/api/v1/sos-alerts/"

_HEADERS_OF_EACH = ("ETag", "X-Request-Id")
_MASKS = (
    (r"[0-9a-f]{64}", "HASH"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\+996\d{9}", "NUMBER"),
    (r"cursor=[\w%]+", "CURSOR"),
    (r"/evidence/[\w:-]+/", "/evidence/SIGNATURE/"),
)


@dataclass
class Twin:
    user: User
    phone: APIClient
    pin: str
    alert: str = ""

    @property
    def other_pin(self) -> str:
        return DURESS_PIN if self.pin == SAFE_PIN else SAFE_PIN

    @property
    def uuid(self) -> UUID:
        return UUID(self.alert)

    def press(self, **body: Any) -> Any:
        answer = self.phone.post(URL, body, format="json")
        self.alert = str(answer.data["id"])
        return answer

    def end(self, how: str = "cancel", pin: str | None = None) -> Any:
        return self.phone.post(f"{URL}{self.alert}/{how}/", {"pin": pin or self.pin}, format="json")

    def get(self, path: str = "") -> Any:
        return self.phone.get(f"{URL}{self.alert}/{path}")

    def forget(self) -> None:
        """Delete the alerts and messages of this twin, and with them the used-up limits."""
        SosAlert.objects.filter(owner=self.user).delete()
        Message.objects.filter(address__in=[str(c.phone_number) for c in self.user.contacts.all()]).delete()

    def messages(self) -> list[Message]:
        return messages(self.alert)


def make_twins(*names: str, district: int = 0) -> tuple[Twin, Twin]:
    """One person who types the safe PIN and one who types the duress PIN, each with contacts of these names."""
    safe, duress = f"+9965550000{district}", f"+9965551111{district}"
    return _twin(safe, SAFE_PIN, names), _twin(duress, DURESS_PIN, names)


def _twin(number: str, pin: str, names: tuple[str, ...]) -> Twin:
    user = User.objects.create(phone_number=f"{number}1", first_name="Ana", last_name="Asanova", language="en")
    set_pins(user)
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=user, name=name, phone_number=f"{number}{place + 2}", language="en", order=place)
        for place, name in enumerate(names)
    )
    return Twin(user=user, phone=app(user), pin=pin)


def alike(twins: tuple[Twin, Twin], ask: Callable[[Twin], Any]) -> Any:
    """Ask both. The responses must be equal but for ids, times and numbers, and have times in the same places and
    order.

    Returns the response to the twin under duress.
    """
    safe, duress = (ask(twin) for twin in twins)
    assert duress.status_code == safe.status_code
    assert masked(duress) == masked(safe), f"safe:   {masked(safe)}\nduress: {masked(duress)}"
    assert _order_of_times(duress) == _order_of_times(safe)
    return duress


def _body(answer: Any) -> str:
    """The body of a response; a stream is read once and remembered."""
    if answer.streaming and not hasattr(answer, "read_once"):
        answer.read_once = readable(answer.getvalue(), answer["Content-Type"])
    return str(answer.read_once if answer.streaming else answer.content.decode())


def readable(body: bytes, content_type: str) -> str:
    """The name and the text of each file of an archive, without the signature; any other body as text."""
    if content_type != "application/zip":
        return body.decode()
    with ZipFile(BytesIO(body)) as archive:
        return "\n".join(f"{name}\n{archive.read(name).decode(errors='replace')}" for name in archive.namelist()[:-1])


def masked(answer: Any) -> str:
    headers = {name: value for name, value in answer.items() if name not in _HEADERS_OF_EACH}
    return mask(json.dumps(headers, sort_keys=True) + _body(answer))


def mask(text: str) -> str:
    """The text with ids, times, numbers and hashes masked."""
    for pattern, word in _MASKS:
        text = re.sub(pattern, word, text)
    return text


def _order_of_times(answer: Any) -> list[int]:
    """The rank of each time in the body: equal ranks mean the same events in the same order."""
    times = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", _body(answer))
    ranks = {time: rank for rank, time in enumerate(sorted(set(times)))}
    return [ranks[time] for time in times]
