"""Two people who do the same but for the PIN they type: the responses to both must be alike."""

from collections.abc import Callable
from functools import cache
from typing import Any

import requests
from drf_spectacular.generators import SchemaGenerator

from alerts.models import AlertStatus
from tests.alerts.evidence import files
from tests.alerts.sos.twins import mask, readable
from tests.scenarios.story import Story
from tests.world.people import PASSWORD, Person

SAFE_PIN, DURESS_PIN = "1357", "24680"
# Headers that differ from one response to the next.
_HEADERS_OF_EACH = {"Date", "ETag", "X-Request-Id", "Content-Length"}

Answers = tuple[requests.Response, requests.Response]


def set_pins(person: Person) -> None:
    pins = {"password": PASSWORD, "safe_pin": SAFE_PIN, "duress_pin": DURESS_PIN}
    answer = person.session.put(f"{person.world.url}/api/v1/me/pin/", json=pins, timeout=20)
    assert answer.status_code == 200, answer.text


class Twins:
    """The two people, each with one alert. Every method asks for both, and fails if the responses tell them apart."""

    def __init__(self, story: Story, *contacts: str) -> None:
        self.safe = story.person("Aida", *contacts, label="safe ")
        self.duress = story.person("Aida", *contacts)
        self.both = (self.safe, self.duress)
        self.alerts = {person.phone: "" for person in self.both}
        for person in self.both:
            set_pins(person)

    def alike(self, ask: Callable[[Person], requests.Response]) -> Answers:
        safe, duress = (ask(person) for person in self.both)
        assert duress.status_code == safe.status_code, f"{safe.text}\n{duress.text}"
        assert _shown(duress) == _shown(safe), f"safe:   {_shown(safe)}\nduress: {_shown(duress)}"
        return safe, duress

    def get(self, path: str) -> Answers:
        return self.alike(lambda person: person.get(path.replace("{alert_id}", self.alerts[person.phone])))

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answers:
        return self.alike(lambda person: person.post(f"{self._alert_of(person)}{path}", body, **kwargs))

    def press(self) -> int:
        # Every SMS makes its first move before any makes its second, so the moves of both alerts stand in the same
        # order.
        for contact in (contact for person in self.both for contact in person.contacts):
            self.safe.world.sandbox.behave(to=contact.phone, callback_delay_ms=[300, 700], times=1)
        answers = self.alike(lambda person: person.press_sos(address="Chüy 114"))
        for person, answer in zip(self.both, answers, strict=True):
            self.alerts[person.phone] = answer.json()["id"]
        return answers[0].status_code

    def end(self, how: str = "cancel", *, pins: tuple[str, str] = (SAFE_PIN, DURESS_PIN)) -> int:
        typed = dict(zip(self.alerts, pins, strict=True))
        ask = lambda person: person.post(f"{self._alert_of(person)}{how}/", {"pin": typed[person.phone]})  # noqa: E731
        return self.alike(ask)[0].status_code

    def record(self, kind: str) -> int:
        """Send a recording of this type; returns the status code."""
        return self.post("upload_audio/", files={"audio": ("a", files.AUDIO[kind])})[0].status_code

    def recordings(self) -> list[str]:
        """The types of the recordings, each read from the URL that the owner gets."""
        lists = [answer.json() for answer in self.get("sos-alerts/{alert_id}/evidence/")]
        for safe, duress in zip(*lists, strict=True):
            assert requests.get(safe["url"], timeout=20).content == requests.get(duress["url"], timeout=20).content
        return [recording["type"] for recording in lists[1]]

    def everything(self) -> None:
        """Ask for everything that a GET shows of the alert or the person."""
        for path in _shown_to_owners() + [f"sos-alerts/?status={status}" for status in AlertStatus]:
            self.get(path)

    def etags(self) -> list[str]:
        return [answer.headers["ETag"] for answer in self.get("sos-alerts/{alert_id}/")]

    def is_unchanged_since(self, etags: list[str]) -> bool:
        known = {phone: {"If-None-Match": etag} for phone, etag in zip(self.alerts, etags, strict=True)}
        answers = self.alike(lambda person: person.get(self._alert_of(person), headers=known[person.phone]))
        return answers[0].status_code == 304

    def _alert_of(self, person: Person) -> str:
        return f"sos-alerts/{self.alerts[person.phone]}/"


@cache
def _shown_to_owners() -> list[str]:
    """The paths of GET operations that need no id but the alert's."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    asked = [path.removeprefix("/api/v1/") for path, methods in paths.items() if "get" in methods]
    walked = [path for path in asked if "{" not in path.replace("{alert_id}", "")]
    of_alert = {f"sos-alerts/{{alert_id}}/{part}" for part in ("", "timeline/", "locations/", "evidence/", "export/")}
    assert {"sos-alerts/", "sos-alerts/false-alarms/"} | of_alert <= set(walked), walked
    return walked


def _shown(answer: requests.Response) -> tuple[dict[str, str], str]:
    headers = {name: mask(value) for name, value in answer.headers.items() if name not in _HEADERS_OF_EACH}
    return headers, mask(readable(answer.content, answer.headers.get("Content-Type", "")))
