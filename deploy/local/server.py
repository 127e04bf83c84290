"""The base class of a private PostgreSQL and RabbitMQ: a data folder, a server process, and a keeper that ends it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from deploy.local.keeper import Keeper
from deploy.local.processes import ServerFailed, descendants, is_alive, send, signal_tree, wait_until


class PrivateServer(ABC):
    """A server that only this program uses. Other servers on the machine are neither used nor touched.

    Its data lies in `folder` and stays there. Without a `folder` it lies in a temporary one, which `close` removes.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    startup_timeout_s: ClassVar[float] = 90
    shutdown_timeout_s: ClassVar[float] = 60

    def __init__(self, folder: Path | None = None) -> None:
        self.is_temporary = folder is None
        self.folder = (folder or Path(tempfile.mkdtemp(prefix=f"alertme-{self.name.lower()}-"))).resolve()
        self.log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: Keeper | None = None
        self._lock: int | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def _prepare(self) -> None:
        """Make the data folder, unless it is there."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the server serves clients; called after `_launch` until it is true."""

    def _companions(self) -> list[int]:
        """The pids of further processes that the keeper ends with the server."""
        return []

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerFailed(f"{self.name} is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start, and wait until clients are served. Raises ServerFailed after `startup_timeout_s`, or if it runs."""
        if self._process is not None:
            raise ServerFailed(f"{self.name} is already running")
        self._take_folder()
        try:
            self._prepare()
            self._process = self._launch()
            self._watch(self._process.pid, *self._companions())
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Shut down in order; the data stays. After `shutdown_timeout_s` kill the server and raise ServerFailed."""
        if self._process is None:
            return
        signal_tree(self._process.pid, signal.SIGCONT)
        send(self._process.pid, self.stop_signal)
        try:
            self._process.wait(self.shutdown_timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"{self.name} did not stop in {self.shutdown_timeout_s} s; killed") from None
        self._ended()

    def kill(self) -> None:
        """Kill the server and its descendants, like a crash; the data stays, for `start`."""
        if self._process is None:
            return
        family = descendants(self._process.pid)
        signal_tree(self._process.pid, signal.SIGKILL)
        self._process.wait()
        # A dying child still holds the shared memory that the next start wants.
        wait_until(lambda: not any(map(is_alive, family)), timeout_s=5, every_s=0.01)
        self._ended()

    def restart(self) -> None:
        """Start again on the same ports and data, stopping in order first if it still runs."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server until `resume`: connections stay open and nothing responds."""
        signal_tree(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        signal_tree(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop for good. A temporary folder is removed, so its server is ended at once and not in order."""
        try:
            self._end_at_once() if self.is_temporary else self.stop()
        finally:
            if self._keeper is not None:
                self._keeper.dismiss()
                self._keeper = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
            if self.is_temporary:
                shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self, lines: int = 25) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _end_at_once(self) -> None:
        if self._process is None:
            return
        signal_tree(self._process.pid, signal.SIGCONT)
        send(self._process.pid, signal.SIGQUIT)  # gives shared memory back, unlike SIGKILL
        wait_until(lambda: not is_alive(self.pid), timeout_s=1, every_s=0.02)
        self.kill()

    def _take_folder(self) -> None:
        # Two servers on the same data destroy it. The keeper shares the lock, so the lock outlives a killed program and
        # ends with its server.
        if self._lock is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ServerFailed(f"another program runs {self.name} in {self.folder}") from None
        self._lock = lock
        self._keeper = Keeper(lock=lock, remove=self.folder if self.is_temporary else None)

    def _watch(self, *pids: int) -> None:
        assert self._keeper is not None
        self._keeper.watch(*pids)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.startup_timeout_s
        while not self._is_ready():
            if process.poll() is not None:
                raise ServerFailed(f"{self.name} ended with {process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} not ready in {self.startup_timeout_s} s:\n{self.log_tail()}")
            time.sleep(0.02)

    def _ended(self) -> None:
        self._process = None
        self._watch(*self._companions())
