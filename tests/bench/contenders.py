"""The programs that are measured: each takes numbers and sends an SMS to each, through one sandbox, without
callbacks."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from deploy.local.processes import descendants, send, wait_until
from messaging.database import notices
from messaging.encryption import encrypt
from messaging.models import MessageClass
from messaging.outbox.senders import DEFAULT
from messaging.sandbox.control import SandboxControl
from messaging.segments import count_segments
from tests.bench.rows import start_over
from tests.world import World
from tests.world.crowd import Presser
from tests.world.outbox import QUEUE
from tests.world.process import Process

# One statement, because the peers write their rows in one too.
_HAND_OVER = f"WITH queued AS ({QUEUE}) SELECT pg_notify(%s, '')"
_TICKS = os.sysconf("SC_CLK_TCK")


class Contender(Protocol):
    name: str

    @property
    def sandbox(self) -> SandboxControl: ...

    def running(self, *, pace: int, processes: int) -> AbstractContextManager[None]:
        """Be ready and idle during the block, with this many worker processes; `pace` 0 means unpaced."""

    def submit(self, numbers: list[str]) -> None:
        """Queue routine messages to these numbers, all at once."""

    def hand_over(self, numbers: list[str]) -> None:
        """Queue urgent messages to these numbers, all at once, from a program that has nothing else to do."""

    def sos(self, numbers: list[str]) -> Callable[[], object]:
        """Return the press of a person with these contacts. Making the person is not measured."""

    def held(self) -> AbstractContextManager[None]:
        """Take messages in during the block, and send none of them."""

    def worker_cpu_s(self) -> float:
        """User and system time of the worker processes so far."""

    def kill_a_worker(self) -> None:
        """SIGKILL one worker process. If a supervisor would start it again, it runs again."""


class Ours:
    name = "AlertMe"

    def __init__(self, world: World) -> None:
        self.world = world
        self._line: psycopg.Connection

    @property
    def sandbox(self) -> SandboxControl:
        return self.world.sandbox

    @contextmanager
    def running(self, *, pace: int, processes: int) -> Iterator[None]:
        self.world.spread(processes)
        self.world.settle()
        self.world.pace(pace)
        start_over(self.sandbox)
        # Kept open, because the peers keep their connections to the broker open.
        with psycopg.connect(self.world.database_url, autocommit=True) as self._line:
            yield
        # The rest of a backlog would be granted while the processes of the next row start, before its pace is set.
        self.world.cancel_everything()

    def rest(self) -> None:
        """Stop every process but the sandbox, which the other contenders use too."""
        for name, process in self.world.processes.items():
            if name != "sandbox":
                process.stop()

    def submit(self, numbers: list[str]) -> None:
        self.world.queue_routine(len(numbers), addresses=numbers)

    def hand_over(self, numbers: list[str]) -> None:
        text = "Aida needs help"
        queued = [encrypt(text), count_segments(text), int(MessageClass.EMERGENCY), numbers, DEFAULT]
        self._line.execute(_HAND_OVER, [*queued, notices.CHANNEL])

    def sos(self, numbers: list[str]) -> Callable[[], object]:
        [presser] = Presser.with_contacts(self.world, [numbers])
        return presser.press

    @contextmanager
    def held(self) -> Iterator[None]:
        [(pace,)] = self.world.rows("SELECT segments_per_second FROM messaging_sender WHERE name = %s", DEFAULT)
        self.world.execute("UPDATE messaging_sender SET segments_per_second = 1, next_free_at = now() + interval '1 h'")
        yield
        self.world.pace(pace)

    def worker_cpu_s(self) -> float:
        return cpu_s(self.world.processes["worker-messages"].pid)

    def kill_a_worker(self) -> None:
        kill_a_child(self.world.processes["worker-messages"])


def cpu_s(pid: int) -> float:
    """User and system time of a process and its children."""
    total = 0
    for member in (pid, *descendants(pid)):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def kill_a_child(process: Process) -> None:
    """SIGKILL a worker process under this one. Start the pool again if it ends with it, as a supervisor would."""
    children = descendants(process.pid)
    # The worker has the most threads; the other children only wait.
    send(max(children, key=lambda pid: len(list(Path(f"/proc/{pid}/task").iterdir()))), signal.SIGKILL)
    if wait_until(lambda: not process.is_running, timeout_s=5):
        process.start()
