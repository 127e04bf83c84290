"""A private PostgreSQL server, from the binaries installed on this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

import psycopg

from deploy.local.processes import ServerFailed, free_port, wait_until
from deploy.local.server import PrivateServer

DATABASE = "alertme"
MAX_CONNECTIONS = 200


def binaries() -> Path | None:
    """The folder of PostgreSQL's server programs, newest version first; None when there are none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    # PATH comes last: what is found there may be a wrapper around somebody's configured cluster.
    candidates = [*configured(), *reversed(installed), *on_path()]
    return next((folder for folder in candidates if is_complete(folder)), None)


def configured() -> list[Path]:
    # pg_config also comes with client libraries alone, and then names a folder without a server.
    if not shutil.which("pg_config"):
        return []
    answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
    return [Path(answer.stdout.strip())] if answer.returncode == 0 else []


def on_path() -> list[Path]:
    found = shutil.which("initdb")
    return [Path(found).resolve().parent] if found else []


def is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def unprivileged_user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root. None: whoever we are."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class PrivatePostgres(PrivateServer):
    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends clients' sessions, then shuts down

    def __init__(self, folder: Path | None = None, *, durable: bool = True) -> None:
        """`durable=False` survives killed processes, not a power cut: for tests."""
        super().__init__(folder)
        self.durable = durable
        self.port = free_port()
        self.data = self.folder / "data"
        self._user = unprivileged_user()
        self._group = pwd.getpwnam(self._user).pw_gid if self._user else None
        self._groups: list[int] | None = [] if self._user else None

    @property
    def url(self) -> str:
        return f"postgres://{DATABASE}@127.0.0.1:{self.port}/{DATABASE}"

    def _prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        if self._user:
            # The server's user must own its data and be able to walk into the folder around it.
            shutil.chown(self.folder, self._user)
            shutil.chown(self.data, self._user)
        if (self.data / "PG_VERSION").exists():
            return
        command = self._fill_command()
        made = subprocess.run(
            command if self.durable else [*command, "--no-sync"],
            user=self._user,
            group=self._group,
            extra_groups=self._groups,
            cwd=self.data,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            # For root the commonest cause is a folder above that the server's user cannot enter, like /root.
            name = Path(command[0]).name
            raise ServerFailed(f"{name} failed in {self.data} as {self._user or 'you'}:\n{made.stdout}{made.stderr}")

    def _fill_command(self) -> list[str]:
        return [
            *(self._program("initdb"), "--pgdata", str(self.data), "--username", DATABASE),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-instructions"),
        ]

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self._program("postgres"), "-D", str(self.data), *self._settings()],
                user=self._user,
                group=self._group,
                extra_groups=self._groups,
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _settings(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "timezone": "UTC",
            "log_timezone": "UTC",
            # A failed statement is logged without its values: those are people's numbers and names.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        if not self.durable:
            # synchronous_commit stays on: a committed row must survive kill() in tests as well.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _is_ready(self) -> bool:
        try:
            connection = psycopg.connect(self._url_of("postgres"), autocommit=True, connect_timeout=5)
        except psycopg.OperationalError:
            return False
        with connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f"CREATE DATABASE {DATABASE}")
        return True

    def _url_of(self, database: str) -> str:
        return f"postgres://{DATABASE}@127.0.0.1:{self.port}/{database}"

    def _program(self, name: str) -> str:
        folder = binaries()
        if folder is None:
            raise ServerFailed("PostgreSQL's server programs (initdb, postgres) are not installed")
        return str(folder / name)


class PrivateStandby(PrivatePostgres):
    """A synchronous standby of a private server that runs: a commit that one confirms, this one has on its disk."""

    def __init__(self, primary: PrivatePostgres) -> None:
        super().__init__(durable=primary.durable)
        self.primary = primary

    @property
    def pair_url(self) -> str:
        """Both servers; the client takes the one that accepts writes."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self))
        return f"postgres://{DATABASE}@{hosts}/{DATABASE}?target_session_attrs=read-write"

    def start(self) -> None:
        """Copy the primary the first time, follow it, and let it wait for us from then on."""
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
        """Take writes from now on; the primary must be dead, or there are two truths."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def _settings(self) -> list[str]:
        # By default 5 s, for which no commit returns after the primary's restart.
        return [*super()._settings(), "-c", "wal_retrieve_retry_interval=200ms"]

    def _is_following(self) -> bool:
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        return found == (True,)

    def _fill_command(self) -> list[str]:
        # --write-recovery-conf: it starts as a standby that knows its primary.
        source = ["--dbname", self.primary.url, "--checkpoint=fast", "--write-recovery-conf"]
        return [self._program("pg_basebackup"), "--pgdata", str(self.data), *source]
