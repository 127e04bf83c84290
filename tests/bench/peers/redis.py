"""A private Redis for the limiter of Dramatiq. The machine's own Redis is neither used nor touched."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from deploy.local import packages
from deploy.local.processes import free_port
from deploy.local.server import PrivateServer

PACKAGE = "redis-server"


def ensure_installed() -> None:
    if shutil.which("redis-server"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(packages.advice([PACKAGE]))
    packages.install([PACKAGE])


class PrivateRedis(PrivateServer):
    name: ClassVar[str] = "Redis"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _prepare(self) -> None:
        """Redis stores nothing on disk, so nothing is prepared."""

    def _launch(self) -> subprocess.Popen[bytes]:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self.folder}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", str(value)))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
