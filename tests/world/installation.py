"""The installation: its processes, its database and what arrived on its phones."""

import itertools
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pika
import pika.exceptions
import psycopg
import requests

from deploy.local.processes import free_port, wait_until
from messaging.models import MessageClass
from messaging.sandbox.control import Arrival, SandboxControl
from messaging.sealing import seal
from messaging.segments import count_segments
from messaging.senders import DEFAULT
from tests.mailbox import Mailbox
from tests.services import postgres, rabbitmq
from tests.world import clocks
from tests.world.people import Person, fresh_number
from tests.world.process import BIN, Process, django

WORKERS = ("worker-emergency", "worker-messages")
SCHEDULERS = ("scheduler-1", "scheduler-2")
_databases = itertools.count(1)


class World:
    """Start it once, `settle` it before each test. `pace` is the sender's segments per second, 0 for unpaced.

    Servers of its own are named by their URLs, as the settings take them; without, it shares those of the test run.
    """

    def __init__(
        self,
        *,
        pace: float = 100,
        worker_processes: int = 1,
        postgres_url: str | None = None,
        rabbitmq_url: str | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="alertme-world-"))
        self.rabbitmq = rabbitmq()
        self.rabbitmq_url = rabbitmq_url or self.rabbitmq.url
        self.database_url = self._make_database(postgres_url or postgres().url)
        web, sandbox = free_port(), free_port()
        self.url = f"http://127.0.0.1:{web}"
        self.mailbox = Mailbox()
        self.environment = {
            "DATABASE_URL": self.database_url,
            "RABBITMQ_URL": self.rabbitmq_url,
            "PUBLIC_BASE_URL": self.url,
            "TWILIO_API_BASE_URL": f"http://127.0.0.1:{sandbox}",
            "TWILIO_SEGMENTS_PER_SECOND": str(pace),
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mailbox.port}",
            "ALLOW_SANDBOX": "1",
            "dramatiq_worker_timeout": "100",
        }
        self.sandbox = SandboxControl(
            f"http://127.0.0.1:{sandbox}", os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"]
        )
        self.processes = {
            name: Process(name, command, environment=self.environment, folder=self.folder)
            for name, command in self._commands(web, worker_processes)
        }

    @staticmethod
    def _make_database(server_url: str) -> str:
        name = f"world_{os.getpid()}_{next(_databases)}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return urlsplit(server_url)._replace(path=f"/{name}").geturl()

    def _commands(self, port: int, worker_processes: int) -> Iterator[tuple[str, list[str]]]:
        yield "sandbox", django("runsandbox")
        bind = f"127.0.0.1:{port}"
        yield "web", [str(BIN / "gunicorn"), "-c", "deploy/gunicorn.conf.py", "-b", bind, "config.wsgi"]
        for name in WORKERS:
            queues = {"worker-emergency": ["emergency"]}.get(name, ["messages", "geo", "media", "default"])
            options = ["--processes", str(worker_processes), "--threads", "4", "--skip-logging"]
            yield name, django("rundramatiq", *options, "--worker-shutdown-timeout", "20000", "--queues", *queues)
        for name in SCHEDULERS:
            yield name, django("runscheduler")

    # -- Life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        migrate = Process("migrate", django("migrate"), environment=self.environment, folder=self.folder)
        migrate.start()
        assert wait_until(lambda: not migrate.is_running, timeout_s=60), migrate.tail()
        self.mailbox.start()
        for process in self.processes.values():
            process.start()
        self.wait_until_ready()

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
        self.mailbox.stop()

    def settle(self) -> None:
        """Before a test: everything runs, nothing is in flight, nothing is scripted."""
        for process in self.processes.values():
            if process.is_frozen:
                process.thaw()
            if not process.is_running:
                process.start()
        self.wait_until_ready()
        self.cancel_everything()
        self.sandbox.reset()
        self.mailbox.clear()
        for counted in ("identity_ratecount", "messaging_senderoutage", "messaging_dailycount", "messaging_optout"):
            self.execute(f"DELETE FROM {counted}")
        self.pace(100)

    def cancel_everything(self) -> None:
        """Nothing that waits, or is on its way, is tried again."""
        self.execute(
            "UPDATE messaging_message SET state = 'cancelled', text = NULL, final_at = now()"
            " WHERE final_at IS NULL AND state <> 'cancelled'"
        )

    @contextmanager
    def restarted_with(self, **environment: str) -> Iterator[None]:
        """Every process but the sandbox started anew with these settings, and again without them afterwards."""
        kept = dict(self.environment)
        ours = [process for name, process in self.processes.items() if name != "sandbox"]

        def restart(settings: dict[str, str]) -> None:
            for process in ours:
                process.kill()
            self.environment.clear()
            self.environment.update(settings)
            for process in ours:
                process.start()
            self.wait_until_ready()

        restart(kept | environment)
        try:
            yield
        finally:
            restart(kept)

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Start processes that end, as systemd or Kubernetes would, for the time of a block."""
        over = Event()

        def supervise() -> None:
            while not over.wait(0.1):
                for process in self.processes.values():
                    if not process.is_running:
                        process.start()

        supervisor = Thread(target=supervise, daemon=True)
        supervisor.start()
        try:
            yield
        finally:
            over.set()
            supervisor.join()

    def wait_until_ready(self) -> None:
        """The web answers, a scheduler ticks, and each worker pool consumes its queue."""

        def ready() -> bool:
            try:
                self.sandbox.stats()
                web = requests.get(f"{self.url}/readyz", timeout=2).ok
            except requests.RequestException:
                return False
            return web and self.consumers() >= len(WORKERS)

        assert wait_until(ready, timeout_s=60, every_s=0.1), self.logs()

    def consumers(self) -> int:
        """Worker pools with a consumer on their queue, as RabbitMQ counts them."""
        count = 0
        with (
            suppress(pika.exceptions.AMQPError),
            closing(pika.BlockingConnection(list(map(pika.URLParameters, self.rabbitmq_url.split(","))))) as connection,
        ):
            for name in WORKERS:
                queue = connection.channel().queue_declare(name.removeprefix("worker-"), passive=True)
                count += queue.method.consumer_count > 0
        return count

    def logs(self) -> str:
        return "\n".join(f"== {p.name}\n{p.tail()}" for p in self.processes.values())

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """Kill these processes for the time of a block."""
        for name in names:
            self.processes[name].kill()
        try:
            yield
        finally:
            for name in names:
                self.processes[name].start()

    @contextmanager
    def with_clocks(self, shifts: dict[str, float]) -> Iterator[None]:
        """Restart these processes with wall clocks so many seconds ahead (or behind), for the time of a block."""
        for name, seconds in shifts.items():
            self.processes[name].kill()
            self.processes[name].start(clocks.shifted(seconds))
        try:
            self.wait_until_ready()
            yield
        finally:
            for name in shifts:
                self.processes[name].kill()
                self.processes[name].start()

    @contextmanager
    def extra_worker(self, queue: str) -> Iterator[None]:
        """One more pool for a queue, for the time of a block."""
        command = self.processes[f"worker-{queue}"].command
        worker = Process(f"extra-{queue}", command, environment=self.environment, folder=self.folder)
        worker.start()
        try:
            assert wait_until(lambda: "ready for action" in worker.tail(), timeout_s=30), worker.tail()
            yield
        finally:
            worker.kill()

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        for name in names:
            self.processes[name].freeze()
        try:
            yield
        finally:
            for name in names:
                self.processes[name].thaw()

    # -- What is there ----------------------------------------------------------------------------------------

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def execute(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement, parameters)

    def pace(self, segments_per_second: float) -> None:
        self.execute("UPDATE messaging_sender SET segments_per_second = %s, next_free_at = now()", segments_per_second)

    def states(self, addresses: list[str]) -> Counter[str]:
        found = self.rows("SELECT state FROM messaging_message WHERE address = ANY(%s)", addresses)
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

    # -- Doing ------------------------------------------------------------------------------------------------

    def new_person(self, first_name: str = "Aida") -> Person:
        person = Person(self, fresh_number(), first_name)
        answer = person.register()
        assert answer.ok, answer.text
        person.verify()
        return person

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
        self.execute(
            "INSERT INTO messaging_message (channel, address, text, segments, message_class, rank, sender_id, state,"
            " due_at, deadline_at, attempts, error_code, queued_at)"
            " SELECT 'sms', a, %s, %s, %s, 0, s.id, 'queued', now(), now() + interval '1 day', 0, '', now()"
            " FROM messaging_sender s, unnest(%s::text[]) AS a WHERE s.name = %s",
            seal(text),
            count_segments(text),
            int(message_class),
            addresses,
            sender,
        )
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
