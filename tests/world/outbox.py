"""What is in an installation's outbox and on its phones: put there, counted and waited for."""

import os
import subprocess
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import psycopg

from deploy.local.processes import wait_until
from messaging.encryption import encrypt
from messaging.models import MessageClass
from messaging.outbox.senders import DEFAULT
from messaging.sandbox.control import Arrival, SandboxControl
from messaging.segments import count_segments
from tests.world.people import fresh_number
from tests.world.process import django

QUEUE = """
INSERT INTO messaging_message (channel, address, text, segments, message_class, rank, sender_id, state,
    due_at, deadline_at, attempts, error_code, queued_at)
SELECT 'sms', a, %s, %s, %s, 0, s.id, 'queued', now(), now() + interval '1 day', 0, '', now()
FROM unnest(%s::text[]) AS a, messaging_sender s WHERE s.name = %s
"""


class Outbox(ABC):
    """The part of a World that looks into its database and its sandbox."""

    database_url: str
    environment: dict[str, str]
    sandbox: SandboxControl

    @abstractmethod
    def logs(self) -> str:
        """What its processes say of themselves when waiting was in vain."""

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def execute(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement, parameters)

    def pace(self, segments_per_second: float) -> None:
        self.execute("UPDATE messaging_sender SET segments_per_second = %s, next_free_at = now()", segments_per_second)

    def states(self, addresses: list[str]) -> Counter[str]:
        """Of the messages to these, but for the calls that follow an SOS which nobody answers."""
        found = self.rows(
            "SELECT state FROM messaging_message m WHERE address = ANY(%s) AND NOT EXISTS"
            " (SELECT FROM alerts_notification n WHERE n.message_id = m.id AND n.kind = 'call')",
            addresses,
        )
        return Counter(row[0] for row in found)

    def deliverers(self, addresses: list[str]) -> Counter[str]:
        """Who made the calls to the provider."""
        found = self.rows(
            "SELECT a.by FROM messaging_attempt a JOIN messaging_message m ON m.id = a.message_id"
            " WHERE m.address = ANY(%s) AND a.outcome <> 'not_created'",
            addresses,
        )
        return Counter(row[0] for row in found)

    def arrivals(self, addresses: list[str]) -> list[Arrival]:
        wanted = set(addresses)
        return [arrival for arrival in self.sandbox.arrivals() if arrival.to in wanted]

    def queue(self, *fields: str) -> None:
        """Queue messages through the outbox, each given as the arguments of an `Outgoing`, in one transaction."""
        code = (
            "from django.db import transaction\n"
            "from messaging import clock, outbox\n"
            "from messaging.models import Channel, MessageClass\n"
            "from messaging.outbox import Outgoing\n"
            "with transaction.atomic():\n"
            f"    outbox.queue([{', '.join(f'Outgoing({one})' for one in fields)}], now=clock.now())\n"
        )
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
        """So many messages in the outbox, one statement, as a newsletter would leave them; no notice is given."""
        addresses = addresses or [fresh_number() for _ in range(count)]
        self.execute(QUEUE, encrypt(text), count_segments(text), int(message_class), addresses, sender)
        return addresses

    def wait_for_arrivals(self, addresses: list[str], *, timeout_s: float) -> list[Arrival]:
        """What arrived at these once each has something; fails with the logs if some never has."""
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
