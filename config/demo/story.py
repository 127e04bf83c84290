"""The story, played through the public API: two people sign up, one presses SOS, and five phones get the SMS."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.demo.people import Contact, Person, StoryFailed, accept, fresh_numbers
from config.demo.phones import POLL_S, Phones
from config.demo.timeline import Timeline

# Generous, for machines that are busy with something else.
_CODE_WITHIN_S = 20
_SMS_WITHIN_S = 30
_LATITUDE, _LONGITUDE, _ADDRESS = 42.8746, 74.5698, "Ala-Too Square, Bishkek"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The results of the story. Times are in milliseconds after the press.

    The times in `all_clear_ms` are in milliseconds after the person said that they are safe.
    """

    alert_id: str
    person: Person
    contacts: int
    accepted_ms: int
    sms_ms: list[int]
    delivered_ms: list[int]
    all_clear_ms: list[int]


class Story:
    def __init__(self, *, base_url: str, phones: Phones, timeline: Timeline) -> None:
        self._phones = phones
        self._timeline = timeline
        ainura, bakyt, *others = fresh_numbers(6)
        self._ainura = Person(base_url=base_url, name="Ainura", last_name="Osmonova", phone=ainura, language="en")
        self._bakyt = Person(base_url=base_url, name="Bakyt", last_name="Osmonov", phone=bakyt, language="ky")
        self._contacts = [
            Contact(name="Bakyt", phone=bakyt, relation="brother", language="ky"),
            Contact(name="Cholpon", phone=others[0], relation="mother", language="ky"),
            Contact(name="Dmitri", phone=others[1], relation="neighbour", language="ru"),
            Contact(name="Elena", phone=others[2], relation="friend", language="ru"),
            Contact(name="Farid", phone=others[3], relation="colleague", language="en"),
        ]
        self._names = {contact.phone: contact.name for contact in self._contacts}

    def play(self) -> Outcome:
        """Play the story and print it as it happens; return its times.

        Raises StoryFailed if an SMS is missing or comes twice.
        """
        self._sign_up(self._ainura)
        self._sign_up(self._bakyt)
        self._add_contacts()
        self._timeline.begin("Ainura presses SOS")
        pressed_at = time.time()
        alert_id = self._press()
        accepted_ms = self._timeline.ms_of(time.time())
        sms_ms, delivered_ms = self._follow(alert_id, pressed_at)
        return Outcome(
            alert_id=alert_id,
            person=self._ainura,
            contacts=len(self._contacts),
            accepted_ms=accepted_ms,
            sms_ms=sms_ms,
            delivered_ms=delivered_ms,
            all_clear_ms=self._be_safe(alert_id),
        )

    def _sign_up(self, person: Person) -> None:
        self._timeline.begin(f"{person.name} signs up")
        verification_id = person.register()
        self._timeline.event(f"auth/register/ answered: a code goes to {person.phone}")
        code, sms = self._phones.code(person.phone, within_s=_CODE_WITHIN_S)
        self._timeline.event(f"SMS on {person.name}'s phone: {sms.body}", at=sms.at)
        person.verify(verification_id, code)
        self._timeline.event("auth/verify-sms/ answered: signed in")
        self._timeline.show()

    def _add_contacts(self) -> None:
        self._timeline.begin("Ainura adds the people she trusts")
        for contact in self._contacts:
            self._ainura.add_contact(contact)
            self._timeline.event(f"{contact.name}, {contact.relation}, reads {contact.language}, {contact.phone}")
            self._timeline.show()
        for contact in self._contacts:
            link, sms = self._phones.invitation(contact.phone, within_s=_SMS_WITHIN_S)
            self._timeline.event(f"SMS on {contact.name}'s phone: {sms.body}", at=sms.at)
            accept(link)
            self._timeline.event(f"{contact.name} opens the link and accepts")
            self._timeline.show()

    def _press(self) -> str:
        position = {"latitude": _LATITUDE, "longitude": _LONGITUDE, "address": _ADDRESS}
        alert = self._ainura.post("sos-alerts/", position)
        reach = alert["reach"]
        self._timeline.event(
            f"sos-alerts/ answered: {alert['status']}, {reach['can_be_reached']} of {reach['contacts']} can be reached"
        )
        return str(alert["id"])

    def _follow(self, alert_id: str, pressed_at: float) -> tuple[list[int], list[int]]:
        """Wait until all phones have the SMS and the API shows all contacts as `delivered`; return both kinds of times.

        Returns two sorted lists of milliseconds after the press, without names. Raises StoryFailed after _SMS_WITHIN_S.
        """
        arrived: dict[str, float] = {}
        delivered: dict[str, float] = {}
        deadline = time.monotonic() + _SMS_WITHIN_S
        while True:
            is_last_look = time.monotonic() > deadline
            self._look_at_phones(arrived, since=pressed_at)
            alert = self._ainura.get(f"sos-alerts/{alert_id}/")
            self._look_at_truth(alert, delivered)
            self._timeline.show()
            if len(arrived) == len(delivered) == len(self._contacts):
                break
            if is_last_look:
                raise self._missing("SOS", arrived, said=alert["reach"]["summary"])
            time.sleep(POLL_S)
        self._timeline.event(f"Ainura's app says: {alert['reach']['summary']}")
        self._timeline.show()
        return self._in_ms(arrived), self._in_ms(delivered)

    def _look_at_phones(self, arrived: dict[str, float], *, since: float) -> None:
        found = self._phones.received(self._names, since=since)
        for sms in found:
            if sms.to not in arrived:
                arrived[sms.to] = sms.at
                self._timeline.event(f"SMS on {self._names[sms.to]}'s phone: {sms.body}", at=sms.at)
        if len(found) > len(arrived):
            raise StoryFailed(f"{len(found)} SMS came to {len(arrived)} phones: somebody was told twice.")

    def _look_at_truth(self, alert: dict[str, Any], delivered: dict[str, float]) -> None:
        for contact in alert["contacts"]:
            phone = contact["phone_number"]
            if contact["status"] == "delivered" and phone not in delivered:
                delivered[phone] = datetime.fromisoformat(contact["delivered_at"]).timestamp()
                self._timeline.event(f"{contact['name']}: delivered (signed callback)", at=delivered[phone])

    def _be_safe(self, alert_id: str) -> list[int]:
        self._timeline.begin("Ainura is safe")
        safe_at = time.time()
        alert = self._ainura.post(f"sos-alerts/{alert_id}/resolve/")
        self._timeline.event(f"sos-alerts/.../resolve/ answered: {alert['status']}")
        arrived: dict[str, float] = {}
        deadline = time.monotonic() + _SMS_WITHIN_S
        while len(arrived) < len(self._contacts):
            if time.monotonic() > deadline:
                raise self._missing("all-clear", arrived)
            self._look_at_phones(arrived, since=safe_at)
            self._timeline.show()
            time.sleep(POLL_S)
        return self._in_ms(arrived)

    def _missing(self, what: str, arrived: dict[str, float], *, said: str = "") -> StoryFailed:
        without = ", ".join(name for phone, name in self._names.items() if phone not in arrived) or "none"
        had = f"{len(arrived)} of {len(self._contacts)} phones had the {what}"
        app = f" Ainura's app says: {said}." if said else ""
        return StoryFailed(f"{had} after {_SMS_WITHIN_S} s; without: {without}.{app}")

    def _in_ms(self, times: dict[str, float]) -> list[int]:
        return sorted(map(self._timeline.ms_of, times.values()))
