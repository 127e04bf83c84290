"""Makes the data folder of a PostgreSQL server that only we use on this machine, and starts the server.

Used by `manage.py demo` (config/demo/postgres.py), and by `make up` and the tests (deploy/local/postgres.py).
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

DATABASE = "alertme"
# The server inherits nothing from us: our environment holds secrets, and could name another folder or language.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


class PostgresFailed(RuntimeError):
    """The server could not be made, started or reached; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresLauncher:
    """One server: makes its data folder and starts its process, which the caller stops.

    `programs` is the folder of `initdb` and `postgres`. The server runs as the account `user`, or as ours if that is
    None. Without a `password_file` every program on this machine may connect.
    """

    programs: Path
    data: Path
    log: Path
    user: str | None
    password_file: Path | None = None

    def make(self, *options: str) -> None:
        """Make the data folder with `initdb`, unless it is there. Raises PostgresFailed."""
        login = (
            ["--auth=scram-sha-256", "--pwfile", str(self.password_file)] if self.password_file else ["--auth=trust"]
        )
        self.fill("initdb", "--username", DATABASE, "--encoding=UTF8", "--no-instructions", *login, *options)

    def fill(self, program: str, *options: str) -> None:
        """Make the data folder with a program of PostgreSQL, unless it is there. Raises PostgresFailed."""
        if (self.data / "PG_VERSION").exists():
            return
        # Renamed when complete: a run that is killed before leaves nothing that looks like a database.
        unfinished = self.data.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self.user:
            for path in (unfinished, self.password_file):
                if path:
                    shutil.chown(path, self.user)
        filling = self._run(program, "--pgdata", str(unfinished), *options)
        try:
            code = filling.wait()
        finally:
            filling.kill()
        if code:
            # For root the commonest cause is a folder above the data that the account cannot enter, like /root.
            raise self.failure(f"{program} failed in {self.data} as {self.user or 'you'}")
        unfinished.rename(self.data)

    def launch(self, *, port: int, **settings: object) -> subprocess.Popen[bytes]:
        """Start the server; return its process at once. Call `serves` until it says that clients are served.

        `settings` are settings of PostgreSQL, as in postgresql.conf.
        """
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            # No Unix socket: its path may have 107 bytes, and a folder's may have more.
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | settings
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self._run("postgres", "-D", str(self.data), *words)

    def serves(self, *, port: int) -> bool:
        """Whether the server accepts connections. If so, makes the database `alertme` unless it exists."""
        password = self.password_file.read_text().strip() if self.password_file else None
        url = f"postgres://{DATABASE}@127.0.0.1:{port}/postgres"
        try:
            with psycopg.connect(url, password=password, autocommit=True, connect_timeout=5) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def failure(self, text: str) -> PostgresFailed:
        """A PostgresFailed with this text and the end of the server's log."""
        last = self.log.read_text(errors="replace").splitlines()[-10:]
        return PostgresFailed("\n".join([f"{text}. The end of {self.log}:", *last]))

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(self.programs / program), *words],
                user=self.user,
                group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
                cwd=self.data.parent,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A session of its own: a Ctrl-C meant for us must not stop the server while work still ends.
                start_new_session=True,
            )


def server_user(*accounts: str) -> str | None:
    """The first of these accounts that the machine has. None if we are not root: only root needs another account."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(account for account in accounts if account in known)
