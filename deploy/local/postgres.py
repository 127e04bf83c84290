"""A private PostgreSQL server, from the binaries installed on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import psycopg

from config.postgres import DATABASE, PostgresFailed, PostgresLauncher, server_user
from deploy.local.processes import ServerFailed, free_port, wait_until
from deploy.local.server import PrivateServer

MAX_CONNECTIONS = 200


def binaries() -> Path | None:
    """The folder of PostgreSQL's server programs: that of pg_config, else of the newest version; None without any."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    # PATH comes last: its program may be a wrapper around somebody's configured cluster.
    candidates = [*configured(), *reversed(installed), *on_path()]
    return next((folder for folder in candidates if is_complete(folder)), None)


def configured() -> list[Path]:
    # pg_config also comes with client libraries alone, and then names a folder without a server.
    if not shutil.which("pg_config"):
        return []
    found = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
    return [Path(found.stdout.strip())] if found.returncode == 0 else []


def on_path() -> list[Path]:
    found = shutil.which("initdb")
    return [Path(found).resolve().parent] if found else []


def is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def as_application(url: str) -> str:
    """Turn the URL of a private server, which has the owner as its user, into that of the application's role."""
    return url.replace(f"//{DATABASE}@", f"//{DATABASE}_app@", 1)


class PrivatePostgres(PrivateServer):
    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends clients' sessions, then shuts down

    def __init__(self, folder: Path | None = None, *, durable: bool = True) -> None:
        """With `durable=False`, for tests, data survives killed processes but not a power cut."""
        super().__init__(folder)
        self.durable = durable
        self.port = free_port()
        self.data = self.folder / "data"
        self._user = server_user("postgres", "nobody")

    @property
    def url(self) -> str:
        return f"postgres://{DATABASE}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def application_url(self) -> str:
        """The URL of the application's role, which `manage.py migrate` makes (config/roles.py)."""
        return as_application(self.url)

    def _prepare(self) -> None:
        if self._user:
            # The server's account must be able to enter the folder around its data.
            shutil.chown(self.folder, self._user)
        try:
            self._fill(self._launcher, [] if self.durable else ["--no-sync"])
        except PostgresFailed as failure:
            raise ServerFailed(str(failure)) from failure

    def _fill(self, launcher: PostgresLauncher, options: list[str]) -> None:
        launcher.make("--locale=C.UTF-8", *options)

    def _launch(self) -> subprocess.Popen[bytes]:
        return self._launcher.launch(port=self.port, **self._settings())

    def _settings(self) -> dict[str, object]:
        settings: dict[str, object] = {
            "max_connections": MAX_CONNECTIONS,
            # A failed statement is logged without its values, which are people's numbers and names.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        # synchronous_commit stays on: a committed row must survive kill() in tests as well.
        return settings if self.durable else settings | {"fsync": "off", "full_page_writes": "off"}

    def _is_ready(self) -> bool:
        return self._launcher.serves(port=self.port)

    @cached_property
    def _launcher(self) -> PostgresLauncher:
        programs = binaries()
        if programs is None:
            raise ServerFailed("PostgreSQL's server programs (initdb, postgres) are not installed")
        return PostgresLauncher(programs=programs, data=self.data, log=self.log, user=self._user)


class PrivateStandby(PrivatePostgres):
    """A synchronous standby of a running private server: it has on its disk every commit that the server confirms."""

    def __init__(self, primary: PrivatePostgres) -> None:
        super().__init__(durable=primary.durable)
        self.primary = primary

    @property
    def pair_url(self) -> str:
        """The URL of both servers. A client uses the one that accepts writes."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self))
        return f"postgres://{DATABASE}@{hosts}/{DATABASE}?target_session_attrs=read-write"

    def start(self) -> None:
        """The first time, copy the primary. Then follow it, and make each of its commits wait for this standby.

        A promoted standby only starts. Raises ServerFailed.
        """
        super().start()
        if not self._is_following():
            return
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            states = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            if not wait_until(lambda: connection.execute(states).fetchone() is not None, timeout_s=30):
                raise ServerFailed(f"the standby did not follow the primary:\n{self.log_tail()}")

    def promote(self) -> None:
        """Make this standby accept writes.

        Stop the primary first: two servers that accept writes would hold different data.
        """
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def _settings(self) -> dict[str, object]:
        # The default is 5 s, in which no commit returns after the primary's restart.
        return super()._settings() | {"wal_retrieve_retry_interval": "200ms"}

    def _is_following(self) -> bool:
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        return found == (True,)

    def _fill(self, launcher: PostgresLauncher, options: list[str]) -> None:
        # --write-recovery-conf: it starts as a standby that knows its primary.
        source = ["--dbname", self.primary.url, "--checkpoint=fast", "--write-recovery-conf"]
        launcher.fill("pg_basebackup", *source, *options)
