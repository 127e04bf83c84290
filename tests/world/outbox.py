"""Messages of an installation, in its outbox and on its phones: queued, counted and waited for."""

import json
import os
import subprocess
from abc import ABC, abstractmethod
from collections import Counter

from deploy.local.processes import wait_until
from messaging.encryption import encrypt
from messaging.models import MessageClass
from messaging.outbox.senders import DEFAULT
from messaging.sandbox.control import Arrival, SandboxControl
from messaging.segments import count_segments
from tests.world.database import Database
from tests.world.people import fresh_number
from tests.world.process import django

QUEUE = """
INSERT INTO messaging_message (channel, address, text, segments, message_class, rank, sender_id, state,
    due_at, deadline_at, attempts, error_code, queued_at)
SELECT 'sms', a, %s, %s, %s, 0, s.id, 'queued', now(), now() + interval '1 day', 0, '', now()
FROM unnest(%s::text[]) AS a, messaging_sender s WHERE s.name = %s
"""


class Outbox(Database, ABC):
    """The part of a World that looks into its outbox and its sandbox."""

    environment: dict[str, str]
    sandbox: SandboxControl

    @abstractmethod
    def logs(self) -> str:
        """The last lines that each process logged."""

    def pace(self, segments_per_second: float) -> None:
        self.execute("UPDATE messaging_sender SET segments_per_second = %s, next_free_at = now()", segments_per_second)

    def states(self, addresses: list[str]) -> Counter[str]:
        """Count the states of the messages to these addresses. Calls that follow an unanswered SOS are left out."""
        found = self.rows(
            "SELECT state FROM messaging_message m WHERE address = ANY(%s) AND NOT EXISTS"
            " (SELECT FROM alerts_notification n WHERE n.message_id = m.id AND n.kind = 'call')",
            addresses,
        )
        return Counter(row[0] for row in found)

    def deliverers(self, addresses: list[str]) -> Counter[str]:
        """Count who made the requests to the provider: workers or schedulers."""
        found = self.rows(
            "SELECT a.by FROM messaging_attempt a JOIN messaging_message m ON m.id = a.message_id"
            " WHERE m.address = ANY(%s) AND a.outcome <> 'not_created'",
            addresses,
        )
        return Counter(row[0] for row in found)

    def keys_pressed(self, number: str) -> list[str]:
        """The keys that were recorded in calls to this number."""
        found = self.rows(
            "SELECT k.digit FROM messaging_keypress k JOIN messaging_attempt a ON a.id = k.attempt_id"
            " JOIN messaging_message m ON m.id = a.message_id WHERE m.address = %s",
            number,
        )
        return [digit for (digit,) in found]

    def times_alarmed(self, code: str) -> int:
        """How often the operator was alarmed with this code."""
        [(times,)] = self.rows("SELECT coalesce(sum(times), 0) FROM messaging_operatoralarm WHERE code = %s", code)
        return int(times)

    def arrivals(self, addresses: list[str]) -> list[Arrival]:
        wanted = set(addresses)
        return [arrival for arrival in self.sandbox.arrivals() if arrival.to in wanted]

    def queue(self, *messages: dict[str, object]) -> None:
        """Queue messages as the code does, in one transaction; each is given as the arguments of an `Outgoing`."""
        code = f"from tests.world.queueing import queue; queue({json.dumps(messages)!r})"
        subprocess.run(
            django("shell", "-v", "0", "-c", code), env=os.environ | self.environment, check=True, timeout=60
        )

    def queue_routine(
        self,
        count: int,
        *,
        addresses: list[str] | None = None,
        text: str = "The weekly letter",
        sender: str = DEFAULT,
        message_class: MessageClass = MessageClass.ROUTINE,
    ) -> list[str]:
        """Write this many messages to the outbox in one statement, without a notice; returns their addresses."""
        addresses = addresses or [fresh_number() for _ in range(count)]
        self.execute(QUEUE, encrypt(text), count_segments(text), int(message_class), addresses, sender)
        return addresses

    def wait_for_arrivals(self, addresses: list[str], *, timeout_s: float) -> list[Arrival]:
        """Wait until every address has got a message; returns all that arrived. Fails with the logs on a timeout."""
        found: list[Arrival] = []

        def complete() -> bool:
            found[:] = self.arrivals(addresses)
            return {a.to for a in found} == set(addresses)

        assert wait_until(complete, timeout_s=timeout_s, every_s=0.03), (
            f"{len(found)} arrivals for {len(addresses)} phones: {self.states(addresses)}\n{self.logs()}"
        )
        return found

    def wait_for_states(self, addresses: list[str], expected: dict[str, int], *, timeout_s: float = 20) -> None:
        assert wait_until(lambda: self.states(addresses) == Counter(expected), timeout_s=timeout_s), (
            f"{self.states(addresses)} instead of {expected}\n{self.logs()}"
        )
