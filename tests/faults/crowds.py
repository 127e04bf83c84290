"""People who press SOS again and again through a fault, and the responses they get."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from string import ascii_uppercase

from deploy.local.processes import wait_until
from tests.world import Person, World

# The longest response while there is no database: the patience of the pool, on a busy machine.
ANSWERED_WITHIN_S = 10.0
PRESS_EVERY_S = 0.3


@dataclass(frozen=True)
class Answer:
    status: int
    took_s: float
    alert_id: str


@dataclass
class Crowd:
    """People who press every 0.3 s until the end; one more person begins every 0.3 s."""

    world: World
    people: list[Person]
    letters: list[str] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    @property
    def phones(self) -> list[str]:
        return [contact.phone for person in self.people for contact in person.contacts]

    @contextmanager
    def pressing(self, *, letters: int) -> Iterator[None]:
        """Let everybody press during the block while this many routine messages leave. At the end each press was
        accepted."""
        self.letters = self.world.queue_routine(letters) if letters else []
        over = threading.Event()
        with ThreadPoolExecutor(len(self.people)) as threads:
            presses = [
                threads.submit(self._press_until, over, person, after_s=number * PRESS_EVERY_S)
                for number, person in enumerate(self.people)
            ]
            try:
                yield
            finally:
                over.set()
            for press in presses:
                press.result()

    def _press_until(self, over: threading.Event, person: Person, *, after_s: float) -> None:
        answers = self.answers[person.phone] = []
        over.wait(after_s)
        deadline = time.monotonic() + 60
        # A person does not stop before a press is accepted.
        while not over.is_set() or not any(answer.status < 300 for answer in answers):
            assert time.monotonic() < deadline, [answer.status for answer in answers]
            answers.append(_press(person))
            time.sleep(PRESS_EVERY_S)

    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answers in self.answers.values() for answer in answers)

    def assert_answers(self) -> None:
        """Every press was accepted or asked to come again, soon. Once accepted, it is the same alert for good."""
        assert set(self.statuses()) <= {200, 201, 503}, self.statuses()
        assert max(a.took_s for answers in self.answers.values() for a in answers) < ANSWERED_WITHIN_S
        for answers in self.answers.values():
            assert len({answer.alert_id for answer in answers if answer.status < 300}) == 1

    def assert_each_has_one_sms(self, *, timeout_s: float = 90) -> None:
        """Lost 0, double 0, and the provider reported every message as delivered."""
        phones = self.phones + self.letters

        def delivered() -> bool:
            # A callback that met no database does not come again. Two minutes pass, and the watch asks.
            self.world.execute(
                "UPDATE messaging_message SET due_at = now() WHERE state IN ('accepted', 'sent')"
                " AND accepted_at < now() - interval '3 s' AND due_at > now() AND address = ANY(%s)",
                phones,
            )
            return self.world.states(phones) == {"delivered": len(phones)}

        assert wait_until(delivered, timeout_s=timeout_s, every_s=0.5), (
            f"{self.world.states(phones)}\n{self.world.logs()}"
        )
        arrived = Counter(arrival.to for arrival in self.world.arrivals(phones))
        assert {phone: arrived[phone] for phone in phones if arrived[phone] != 1} == {}


def _press(person: Person) -> Answer:
    started = time.monotonic()
    answer = person.press_sos()
    took_s = time.monotonic() - started
    if answer.status_code == 503:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "temporarily_unavailable"
        assert int(answer.headers["Retry-After"]) > 0
    return Answer(answer.status_code, took_s, answer.json().get("id", "") if answer.ok else "")


def gather(world: World, *, people: int, contacts: int) -> Crowd:
    """Sign in this many people with this many contacts each."""
    crowd = Crowd(world, [])
    for _ in range(people):
        world.execute("DELETE FROM identity_ratecount")
        person = world.new_person("Aida")
        person.add_contacts(*(f"Contact {letter}" for letter in ascii_uppercase[:contacts]))
        crowd.people.append(person)
    return crowd
