"""The peers as contenders: their processes, their queues, their publishing."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module, reload
from os import environ
from pathlib import Path
from types import ModuleType

from deploy.local.processes import wait_until
from messaging.sandbox.control import SandboxControl
from tests.bench.contenders import cpu_s, kill_a_child
from tests.bench.peers import sms
from tests.bench.rows import start_over
from tests.world.process import BIN, Process

THREADS = 64
BODY = "Aida needs help"
_runs = itertools.count(1)


class Peer(ABC):
    """`environment` gives the addresses of the sandbox, the broker and Redis."""

    name: str
    module: str
    # Words in a worker's log that say that it takes work.
    ready_line: str

    def __init__(self, sandbox: SandboxControl, environment: dict[str, str], folder: Path) -> None:
        self.sandbox = sandbox
        self._environment = environment
        self._folder = folder
        self._workers: dict[str, Process] = {}
        self._app: ModuleType | None = None

    @abstractmethod
    def commands(self, *, pace: int, processes: int) -> dict[str, list[str]]:
        """The command of the worker for routine messages and of the worker for emergencies."""

    @abstractmethod
    def publish(self, actor: str, message_id: int) -> None:
        """Publish one task for one row."""

    @contextmanager
    def running(self, *, pace: int, processes: int) -> Iterator[None]:
        start_over(self.sandbox)
        run = f"{self.name}-{next(_runs)}".lower()
        environ.update(self._environment, BENCH_RUN=run, BENCH_PACE=str(pace), BENCH_WORKERS=str(processes))
        # Loaded again, so that queues and pace are those of this run.
        reload(sms)
        self._app = reload(import_module(self.module))
        self._workers = {
            name: Process(f"{run}-{name}", command, environment={}, folder=self._folder)
            for name, command in self.commands(pace=pace, processes=processes).items()
        }
        try:
            for worker in self._workers.values():
                worker.start()
            assert wait_until(self._is_ready, timeout_s=60, every_s=0.1), self.logs()
            yield
        finally:
            for worker in self._workers.values():
                worker.kill()
            sms.database().close()

    def _is_ready(self) -> bool:
        return all(self.ready_line in worker.log.read_text(errors="replace") for worker in self._workers.values())

    def logs(self) -> str:
        return "\n".join(f"== {w.name}\n{w.tail()}" for w in self._workers.values())

    def submit(self, numbers: list[str]) -> None:
        self._submit("send_routine", numbers)

    def hand_over(self, numbers: list[str]) -> None:
        self._submit("send_emergency", numbers)

    def _submit(self, actor: str, numbers: list[str]) -> None:
        for message_id in sms.record(numbers, BODY):
            self.publish(actor, message_id)

    def sos(self, numbers: list[str]) -> Callable[[], object]:
        return partial(self.hand_over, numbers)

    @contextmanager
    def held(self) -> Iterator[None]:
        self._workers["routine"].freeze()
        yield
        self._workers["routine"].thaw()

    def worker_cpu_s(self) -> float:
        return cpu_s(self._workers["routine"].pid)

    def kill_a_worker(self) -> None:
        kill_a_child(self._workers["routine"])


class Celery(Peer):
    name = "Celery"
    module = "tests.bench.peers.celery_app"
    ready_line = " ready."

    def commands(self, *, pace: int, processes: int) -> dict[str, list[str]]:
        # Threads send fastest. With a pace each worker has one thread: under a rate limit Celery sets a timer for each
        # prefetched task, and a worker that finds ten due timers sleeps a second (Hub.fire_timers of kombu). Four
        # processes in one worker used 22 % of a pace of 10/s; a prefetch of 64 used 10 %.
        concurrency = 1 if pace else THREADS
        pool = "prefork" if processes > 1 and not pace else "threads"
        routine = ["--pool", pool, "--concurrency", str(processes if pool == "prefork" else concurrency)]
        emergency = ["--pool", "threads", "--concurrency", str(THREADS)]
        worker = [str(BIN / "celery"), "-A", self.module, "worker", "--loglevel", "INFO"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        names = ["routine", *(f"routine-{number}" for number in range(2, (processes if pace else 1) + 1))]
        return {
            **{name: [*worker, *quiet, *routine, "-n", f"{name}@localhost", "-Q", sms.ROUTINE] for name in names},
            "emergency": [*worker, *quiet, *emergency, "-n", "emergency@localhost", "-Q", sms.EMERGENCY],
        }

    def publish(self, actor: str, message_id: int) -> None:
        getattr(self._app, actor).delay(message_id)


class Dramatiq(Peer):
    name = "Dramatiq"
    module = "tests.bench.peers.dramatiq_app"
    ready_line = "ready for action"

    def commands(self, *, pace: int, processes: int) -> dict[str, list[str]]:
        worker = [str(BIN / "dramatiq"), self.module, "--threads", str(THREADS // processes)]
        return {
            "routine": [*worker, "--processes", str(processes), "--queues", sms.ROUTINE],
            "emergency": [*worker, "--processes", "1", "--queues", sms.EMERGENCY],
        }

    def publish(self, actor: str, message_id: int) -> None:
        getattr(self._app, actor).send(message_id)
