"""Two people who do the same but for the PIN they type: the responses to their devices must not differ."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
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
    (r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", "DATE"),
    (r"\+996\d{9}", "NUMBER"),
    (r'"Retry-After": "\d+"', "WAIT"),
    (r"cursor=[\w%]+", "CURSOR"),
    (r"/evidence/[\w:-]+/", "/evidence/SIGNATURE/"),
)


@dataclass
class Twin:
    user: User
    phone: APIClient
    pin: str
    alert: str = ""
    # The ids that take the place of `{name}` in a path.
    ids: dict[str, str] = field(default_factory=dict)

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
    safe, duress = f"+99655500{district}", f"+99655511{district}"
    return _twin(safe, SAFE_PIN, names), _twin(duress, DURESS_PIN, names)


def _twin(number: str, pin: str, names: tuple[str, ...]) -> Twin:
    user = User.objects.create(phone_number=f"{number}999", first_name="Ana", last_name="Asanova", language="en")
    set_pins(user)
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=user, name=name, phone_number=f"{number}{place:03}", language="en", order=place)
        for place, name in enumerate(names)
    )
    return Twin(user=user, phone=app(user), pin=pin)


def alike(twins: tuple[Twin, Twin], ask: Callable[[Twin], Any]) -> Any:
    """Ask both. The responses must be equal but for ids, times and numbers, and have times in the same places and
    order.

    Returns the response to the twin under duress.
    """
    safe, duress = (_asked(twin, ask) for twin in twins)
    assert duress.status_code == safe.status_code, (
        duress.request["PATH_INFO"],
        safe.status_code,
        duress.status_code,
    )
    assert not (found := _difference(masked(safe), masked(duress))), found
    assert _order_of_times(duress) == _order_of_times(safe), duress.request["PATH_INFO"]
    return duress


def _asked(twin: Twin, ask: Callable[[Twin], Any]) -> Any:
    """The response; a stream is read and closed at once, because few may be open at a time."""
    answer = ask(twin)
    _body(answer)
    if getattr(answer, "streaming", False):
        for closer in answer._resource_closers:
            closer()
    return answer


def _difference(safe: str, duress: str) -> str:
    """Where two texts begin to differ; empty: they are equal."""
    if safe == duress:
        return ""
    place = next((i for i, (one, other) in enumerate(zip(safe, duress, strict=False)) if one != other), 0)
    around = slice(max(0, place - 200), place + 200)
    return f"safe:   {safe[around]}\nduress: {duress[around]}"


def _body(answer: Any) -> str:
    """The body of a response; a stream is read once and remembered."""
    if answer.streaming and not hasattr(answer, "read_once"):
        answer.read_once = readable(answer.getvalue(), answer["Content-Type"])
        # Free the slot of the download. `close` would also close the test's connection to the database.
        for close in answer._resource_closers:
            close()
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
