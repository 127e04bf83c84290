"""The installation: its processes, started, stopped, frozen and restarted."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pika
import pika.exceptions
import psycopg
import requests

from deploy.local.postgres import as_application
from deploy.local.processes import free_port, wait_until
from messaging.sandbox.control import SandboxControl
from tests.mailbox import Mailbox
from tests.services import postgres, rabbitmq
from tests.world import clocks
from tests.world.due import DueTimes
from tests.world.outbox import Outbox
from tests.world.people import Person, fresh_number
from tests.world.process import BIN, Process, django

WORKERS = ("worker-emergency", "worker-messages")
SCHEDULERS = ("scheduler-1", "scheduler-2")
_databases = itertools.count(1)


class World(Outbox, DueTimes):
    """Start it once, and `settle` it before each test. `pace` is in segments per second for each sender; 0 means
    unpaced.

    URLs name servers of its own, as the settings take them. Without URLs it shares the servers of the test run.
    """

    def __init__(
        self,
        *,
        pace: float = 100,
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
            # Tests look at and change rows as the owner of the tables; the processes are the application's role.
            "DATABASE_URL": as_application(self.database_url),
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
            for name, command in self._commands(web)
        }

    @staticmethod
    def _make_database(server_url: str) -> str:
        name = f"world_{os.getpid()}_{next(_databases)}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return urlsplit(server_url)._replace(path=f"/{name}").geturl()

    def _commands(self, port: int) -> Iterator[tuple[str, list[str]]]:
        yield "sandbox", django("runsandbox")
        bind = f"127.0.0.1:{port}"
        yield "web", [str(BIN / "gunicorn"), "-c", "deploy/gunicorn.conf.py", "-b", bind, "config.wsgi"]
        for name in WORKERS:
            queues = {"worker-emergency": ["emergency"]}.get(name, ["messages", "geo", "media", "default"])
            options = ["--processes", "1", "--threads", "4", "--skip-logging"]
            yield name, django("rundramatiq", *options, "--worker-shutdown-timeout", "20000", "--queues", *queues)
        for name in SCHEDULERS:
            yield name, django("runscheduler")

    def start(self) -> None:
        owner = {"MIGRATION_DATABASE_URL": self.database_url}
        migrate = Process("migrate", django("migrate"), environment=self.environment | owner, folder=self.folder)
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
        """Prepare for a test: everything runs, nothing is in flight, nothing is scripted."""
        for process in self.processes.values():
            if process.is_frozen:
                process.thaw()
            if not process.is_running:
                process.start()
        self.wait_until_ready()
        self.cancel_everything()
        # A timer that an earlier test left armed must not run out when a later one passes time.
        self.execute("UPDATE alerts_activitytimer SET status = 'cancelled', ended_at = now() WHERE status = 'armed'")
        self.sandbox.reset()
        self.mailbox.clear()
        for counted in ("identity_ratecount", "messaging_senderoutage", "messaging_dailycount", "messaging_optout"):
            self.execute(f"DELETE FROM {counted}")
        self.pace(100)

    def spread(self, processes: int) -> None:
        """Run the pool of the `messages` queue in this many processes, from the next `settle` on."""
        worker = self.processes["worker-messages"]
        place = worker.command.index("--processes") + 1
        if worker.command[place] != str(processes):
            worker.stop()
            worker.command[place] = str(processes)

    def cancel_everything(self) -> None:
        """Cancel every message that waits or is on its way, and skip every pending escalation step."""
        self.execute(
            "UPDATE messaging_message SET state = 'cancelled', text = NULL, final_at = now()"
            " WHERE final_at IS NULL AND state <> 'cancelled'"
        )
        self.execute("UPDATE alerts_escalationstep SET state = 'skipped' WHERE state = 'pending'")

    @contextmanager
    def restarted_with(self, **environment: str) -> Iterator[None]:
        """Run every process but the sandbox with these settings during the block, and without them afterwards."""
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
        """Start processes that end during the block again, as systemd or Kubernetes would."""
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
        """Wait until the web answers, a scheduler ticks, and each worker pool consumes its queue."""

        def ready() -> bool:
            try:
                self.sandbox.stats()
                web = requests.get(f"{self.url}/readyz", timeout=2).ok
            except requests.RequestException:
                return False
            return web and self.consumers() >= len(WORKERS)

        assert wait_until(ready, timeout_s=60, every_s=0.1), self.logs()

    def consumers(self) -> int:
        """The number of worker pools with a consumer on their queue, as RabbitMQ counts them."""
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
        """Kill these processes, and start them again after the block."""
        for name in names:
            self.processes[name].kill()
        try:
            yield
        finally:
            for name in names:
                self.processes[name].start()

    @contextmanager
    def with_clocks(self, shifts: dict[str, float]) -> Iterator[None]:
        """Run these processes during the block with wall clocks this many seconds ahead, or behind if negative."""
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
        """Run one more pool for a queue during the block."""
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

    def new_person(self, first_name: str = "Aida") -> Person:
        person = Person(self, fresh_number(), first_name)
        answer = person.register()
        assert answer.ok, answer.text
        person.verify()
        return person
