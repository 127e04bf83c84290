"""`make up`: starts servers, migrates the database, and runs every production process by supervisord until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO

from config.environment import given
from deploy.local import environment
from deploy.local.environment import ROOT, VAR
from deploy.local.keeper import Keeper
from deploy.local.packages import ensure_installed
from deploy.local.postgres import PrivatePostgres
from deploy.local.processes import ServerFailed, wait_until
from deploy.local.programs import STOP_WAIT_S, supervisor_configuration
from deploy.local.rabbitmq import PrivateRabbitMQ
from deploy.local.server import PrivateServer

READY_TIMEOUT_S = 120


def main() -> None:
    environment.load()
    (VAR / "static").mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), servers():
        run([sys.executable, "manage.py", "migrate", "--verbosity", "1"])
        # Only the migration knows the owner of the tables.
        os.environ.pop("MIGRATION_DATABASE_URL", None)
        with supervisor() as supervisord:
            announce(supervisord)
            supervisord.wait()
            raise ServerFailed(f"supervisord ended with {supervisord.returncode}")
    print("Stopped.", flush=True)


@contextlib.contextmanager
def servers() -> Iterator[None]:
    """Run a private PostgreSQL or RabbitMQ under var/ during the `with` block, each only if the settings name none.

    Sets DATABASE_URL, MIGRATION_DATABASE_URL and RABBITMQ_URL for the private ones.
    """
    private: dict[str, type[PrivateServer]] = {"DATABASE_URL": PrivatePostgres, "RABBITMQ_URL": PrivateRabbitMQ}
    wanted = {name: kind for name, kind in private.items() if not given(name)}
    if wanted:
        ensure_installed()
    with contextlib.ExitStack() as running:
        for name, kind in wanted.items():
            server = kind(VAR / kind.name.lower())
            print(f"Starting a private {kind.name} in {server.folder}", flush=True)
            os.environ[name] = running.enter_context(server).url
            if isinstance(server, PrivatePostgres):
                os.environ |= {name: server.application_url, "MIGRATION_DATABASE_URL": server.url}
        yield


@contextlib.contextmanager
def supervisor() -> Iterator[subprocess.Popen[bytes]]:
    configuration = VAR / "supervisord.conf"
    configuration.write_text(supervisor_configuration(VAR, sandbox=environment.uses_sandbox()))
    process = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(configuration)],
        cwd=ROOT,
        # Through a pipe: its programs open /dev/fd/1 again, and would overwrite a file that we write to as well.
        stdout=subprocess.PIPE,
        # A session of its own: the processes get a Ctrl-C only once, in order, from supervisord.
        start_new_session=True,
    )
    threading.Thread(target=forward, args=[process.stdout], daemon=True).start()
    keeper = Keeper(grace_s=STOP_WAIT_S)
    keeper.watch(process.pid)
    try:
        yield process
    finally:
        print("\nStopping: workers finish what they have begun", flush=True)
        process.terminate()
        process.wait()
        keeper.dismiss()


def forward(output: IO[bytes]) -> None:
    while chunk := os.read(output.fileno(), 65536):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def announce(supervisord: subprocess.Popen[bytes]) -> None:
    base = os.environ["PUBLIC_BASE_URL"].rstrip("/")
    local = f"http://{os.environ.get('BIND', '127.0.0.1:8000')}"
    ready = wait_until(
        lambda: supervisord.poll() is not None or answers(f"{local}/readyz"), timeout_s=READY_TIMEOUT_S, every_s=0.3
    )
    if not ready or supervisord.poll() is not None:
        raise ServerFailed(f"{local}/readyz did not answer 200 in {READY_TIMEOUT_S} s; see the log above")
    lines = [f"AlertMe is up: {base}/", f"  API       {base}/api/schema/", f"  ready     {local}/readyz"]
    if environment.uses_sandbox():
        lines.append(f"  phones    {os.environ['TWILIO_API_BASE_URL']}/sandbox/  (SMS go to this sandbox only)")
    else:
        lines.append("  SMS go through Twilio, to real phones.")
    lines.append(f"  processes {sys.executable} -m supervisor.supervisorctl -c var/supervisord.conf status")
    print("\n".join([*lines, "Ctrl-C stops everything; the data stays in var/."]), flush=True)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # our own URLs  # nosec B310
            return True
    except (urllib.error.URLError, OSError):
        return False


def run(command: list[str]) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise ServerFailed(f"{' '.join(command[1:])} failed; see above")
