"""Who is measured: each takes numbers and sends an SMS to each, through the same sandbox, with no callbacks."""

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

# In one statement, as the peers write their rows.
_HAND_OVER = f"WITH queued AS ({QUEUE}) SELECT pg_notify(%s, '')"
_TICKS = os.sysconf("SC_CLK_TCK")


class Contender(Protocol):
    name: str

    @property
    def sandbox(self) -> SandboxControl: ...

    def running(self, *, pace: int, processes: int) -> AbstractContextManager[None]:
        """Ready and idle for the time of a block, with so many worker processes; `pace` 0 is unpaced."""

    def submit(self, numbers: list[str]) -> None:
        """Routine messages, in one go."""

    def hand_over(self, numbers: list[str]) -> None:
        """Urgent messages, in one go, by a program that has nothing else to do."""

    def sos(self, numbers: list[str]) -> Callable[[], object]:
        """What a person with these contacts does when they press; making it is not measured."""

    def held(self) -> AbstractContextManager[None]:
        """A block in which messages are taken in, and none is sent."""

    def worker_cpu_s(self) -> float:
        """User and system time of the worker processes so far."""

    def kill_a_worker(self) -> None:
        """SIGKILL for one worker process; what a supervisor would start again runs again."""


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
        # Open, as the peers' connections to their broker are.
        with psycopg.connect(self.world.database_url, autocommit=True) as self._line:
            yield
        # What is left of a backlog would be granted while the next row's processes start, before its pace is set.
        self.world.cancel_everything()

    def rest(self) -> None:
        """End everything but the sandbox, which is the others' too."""
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
    """SIGKILL for a worker process under this one. Where that ends the whole pool, a supervisor starts it again."""
    children = descendants(process.pid)
    # Workers have the most threads: what else is there only waits.
    send(max(children, key=lambda pid: len(list(Path(f"/proc/{pid}/task").iterdir()))), signal.SIGKILL)
    if wait_until(lambda: not process.is_running, timeout_s=5):
        process.start()
