"""The people of a story and everything that arrives on their phones, so that an unexpected message fails it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import requests

from deploy.local.processes import wait_until
from tests.world import Contact, Person, World

_LINK = re.compile(r"https?://\S+/[ac]/[\w-]{22}")
_INVITATION = re.compile(r"https?://\S+/c/[\w-]{22}")
_SIGN_UP = re.compile(r"(?<!\d)\d{6}(?!\d)")
LINK = "LINK"


def false_alarm(person: Person) -> str:
    return f"False alarm: {person.first_name} Asanova ({person.phone}) cancelled the alert."


def safe(person: Person) -> str:
    return f"{person.first_name} Asanova ({person.phone}) is safe. The alert has ended."


def responder(contact: str, person: Person) -> str:
    return f"{contact} is on the way to {person.first_name} ({person.phone})."


def invitation(person: Person) -> str:
    return (
        f"AlertMe: {person.first_name} Asanova ({person.phone}) asks you to be an emergency contact."
        f" Accept or decline: {LINK}"
    )


def sos(person: Person) -> str:
    return f"SOS! {person.first_name} Asanova needs help: {LINK} Call {person.phone}"


def call(person: Person) -> str:
    return (
        f"(call) This is an emergency call from AlertMe. {person.first_name} Asanova has pressed SOS and needs your"
        " help. The details are in the SMS. Press 1 if you are on your way."
    )


@dataclass
class Story:
    """The people of one scenario, known by their phones."""

    world: World
    phones: dict[str, str] = field(default_factory=dict)

    def person(self, first_name: str, *contacts: str, label: str = "", invited: bool = False) -> Person:
        """Sign somebody up with contacts of these names; the label tells people of the same name apart.

        The contacts have accepted. With `invited` they are asked by SMS and have not answered yet.
        """
        person = self.world.new_person(first_name)
        self.phones[person.phone] = label + first_name
        self.phones |= {
            contact.phone: label + contact.name for contact in person.add_contacts(*contacts, invited=invited)
        }
        return person

    def invitation(self, contact: Contact) -> Page:
        """The page behind the link in the SMS that asks the contact."""
        assert wait_until(lambda: bool(self.world.sandbox.messages(contact.phone)), timeout_s=20), self.world.logs()
        found = _INVITATION.search(self.world.sandbox.messages(contact.phone)[-1]["body"])
        assert found
        return Page(found[0])

    def told(self) -> dict[str, list[str]]:
        """The messages that every phone got, by name, in order of arrival. Links are LINK; sign-up codes are left
        out."""
        told: dict[str, list[str]] = {name: [] for name in self.phones.values()}
        for arrival in self.world.sandbox.arrivals():
            who = self.phones.get(arrival.to, arrival.to)
            text = _LINK.sub(LINK, arrival.body)
            if arrival.sid.startswith("CA"):
                text = f"(call) {text}"
            elif LINK not in text and _SIGN_UP.search(text):
                continue
            told.setdefault(who, []).append(text)
        return told

    def expect(self, **told: list[str]) -> None:
        """Wait until these messages, and no others, have arrived, and no message is in motion any more."""
        everyone = list(self.phones)
        wanted = {name: told.get(name, []) for name in self.phones.values()} | told
        at_rest = lambda: self.told() == wanted and self.world.is_at_rest(everyone)  # noqa: E731
        assert wait_until(at_rest, timeout_s=20), (
            f"told:   {self.told()}\nwanted: {wanted}\n{self.world.states(everyone)}\n{self.world.logs()}"
        )

    def wait_for(self, **told: list[str]) -> None:
        """Wait until these phones have got exactly these messages."""
        arrived = lambda: told.items() <= self.told().items()  # noqa: E731
        assert wait_until(arrived, timeout_s=20), f"told: {self.told()}\nwanted: {told}\n{self.world.logs()}"

    def page(self, contact: Contact) -> Page:
        """The page behind the link in the contact's first SMS."""
        bodies = [message["body"] for message in reversed(self.world.sandbox.messages(contact.phone))]
        links = [found[0] for body in bodies if (found := _LINK.search(body)) and "/a/" in found[0]]
        assert links, bodies
        return Page(links[0])


@dataclass(frozen=True)
class Page:
    """A contact's browser, without JavaScript."""

    url: str

    def text(self) -> str:
        answer = requests.get(self.url, timeout=20)
        assert answer.status_code == 200, answer.status_code
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))

    def press(self, answer: str) -> str:
        """Press a button; returns the text of the page that follows."""
        pressed = requests.post(f"{self.url}/answer", data={"answer": answer}, allow_redirects=False, timeout=20)
        assert (pressed.status_code, pressed.headers["Location"]) == (303, self.url[self.url.index("/a/") :])
        return self.text()

    def choose(self, choice: str) -> str:
        """A button of the page behind an invitation; the text of the page that follows."""
        pressed = requests.post(self.url, data={"choice": choice}, allow_redirects=False, timeout=20)
        assert (pressed.status_code, pressed.headers["Location"]) == (303, self.url[self.url.index("/c/") :])
        return self.text()


def steps(person: Person, alert_id: str) -> list[dict[str, Any]]:
    """The entries of the alert's timeline without those about messages."""
    entries = person.get(f"sos-alerts/{alert_id}/timeline/").json()["entries"]
    return [entry for entry in entries if entry["kind"] != "message"]


def timeline(person: Person, alert_id: str) -> list[str]:
    """The kinds of these entries, with the step that was taken. `answers` shows the messages."""
    taken = steps(person, alert_id)
    return [" ".join(filter(None, (entry["kind"], entry["data"].get("step")))) for entry in taken]


def answers(person: Person, alert_id: str) -> dict[str, tuple[str, str | None, str | None]]:
    """For each contact the state of the first SMS, the reason, and the answer."""
    contacts = person.alert(alert_id)["contacts"]
    return {contact["name"]: (contact["status"], contact["reason"], contact["answer"]) for contact in contacts}
