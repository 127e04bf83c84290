"""One process of the installation with its children: started, killed, frozen and thawed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local.processes import is_alive, signal_tree, wait_until

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


class Process:
    def __init__(self, name: str, command: list[str], *, environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.is_frozen = False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, environment: dict[str, str] | None = None) -> None:
        """Start the process, with this environment on top of its own."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=os.environ | self._environment | (environment or {}),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.is_frozen = False

    def kill(self) -> None:
        """SIGKILL the process and its children, without a word to anyone."""
        if self._process is not None:
            signal_tree(self.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, as a supervisor would send it. Killed if it has not ended after 30 s."""
        if not self.is_running or self._process is None:
            return
        self.thaw()
        self._process.terminate()
        if not wait_until(lambda: not is_alive(self.pid), timeout_s=30):
            self.kill()
        self._process.wait()

    def freeze(self) -> None:
        signal_tree(self.pid, signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        signal_tree(self.pid, signal.SIGCONT)
        self.is_frozen = False

    def tail(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-40:])


def django(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]
