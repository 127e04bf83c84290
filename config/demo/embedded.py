"""Sets the environment variables of `manage.py demo` before Django reads its settings.

The demo uses nothing of the caller's installation: neither their `.env` nor their database, broker or Twilio account.
"""

import fcntl
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from config.demo.postgres import EmbeddedPostgres
from config.postgres import DATABASE

_ROOT = Path(__file__).resolve().parents[2]
# Variables that could choose other servers, options or certificates than ours, or other queues for the worker.
_FOREIGN_PREFIXES = ("PG", "TWILIO_", "dramatiq_")
_OWN_SERVERS = ("DATABASE_URL", "RABBITMQ_URL")
_PORTS_TRIED = 1000


def folder() -> Path:
    """The folder in which the demo keeps its data from run to run: DEMO_DIR, or else var/demo."""
    return Path(os.environ.get("DEMO_DIR") or _ROOT / "var" / "demo").absolute()


def prepare() -> None:
    """Lock the data folder, so that no second demo uses it, and set the demo's settings as environment variables.

    Ends the program if another demo has the folder, or if it cannot be written.
    """
    _end_in_order()
    own = folder()
    try:
        own.mkdir(parents=True, exist_ok=True)
        _take(own / "lock")
        settings = _settings(own)
    except OSError as error:
        sys.exit(f"The demo keeps its data in {own}, and cannot: {error}. DEMO_DIR=<folder> chooses another place.")
    for name in [name for name in _OWN_SERVERS if os.environ.get(name)]:
        sys.stderr.write(f"{name} is set: the demo leaves that server alone and brings its own.\n")
    in_files = {f"{name}_FILE" for name in settings}
    for name in [name for name in os.environ if name.startswith(_FOREIGN_PREFIXES) or name in in_files]:
        del os.environ[name]
    os.environ.update(settings)


def _end_in_order() -> None:
    """Make Ctrl-C, `kill` and a closed terminal end the program like `sys.exit`, so that PostgreSQL is stopped."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _leave)


_asked_to_leave = 0


def _leave(number: int, _: object) -> None:
    global _asked_to_leave
    _asked_to_leave = number
    leave_if_asked()


def leave_if_asked() -> None:
    """End the program if a signal has asked for it.

    Python ignores the signal's SystemExit in a finalizer or a callback.
    """
    if _asked_to_leave:
        sys.exit(128 + _asked_to_leave)


def _take(lock: Path) -> None:
    # Two PostgreSQL servers on the same data destroy it. The lock ends with this process, however that ends.
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"A demo is already running in {lock.parent}. DEMO_DIR=<another folder> starts a second one.")


def _settings(own: Path) -> dict[str, str]:
    postgres = EmbeddedPostgres(own)
    database, public, sandbox = _free_ports(15432, 8000, 8010)
    password = quote(_kept_secret(postgres.password_file), safe="")
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENV_FILE": os.devnull,
        # The same in every run: it decrypts texts that an earlier run did not send.
        "SECRET_KEY": _kept_secret(own / "secret_key"),
        "SECRET_KEY_FALLBACKS": "",
        "DATA_KEYS": _kept_secret(own / "data_key"),
        "DEBUG": "true",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "NUM_PROXIES": "0",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{public}",
        "DATABASE_URL": f"postgres://{DATABASE}:{password}@127.0.0.1:{database}/{DATABASE}",
        "RABBITMQ_URL": "memory://embedded",
        "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_PHONE_NUMBER": "AlertMe",
        "TWILIO_MESSAGING_SERVICE_SID": "",
        "TWILIO_VOICE_NUMBER": "+15005550009",
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{sandbox}",
        "TWILIO_SEGMENTS_PER_SECOND": "10",
        "SMS_COUNTRIES": "KG",
        "MEDIA_ROOT": str(own / "media"),
        "SENTRY_DSN": "",
        "OPS_EMAILS": "",
        "EMAIL_URL": "dummymail://",
    }


def _kept_secret(path: Path) -> str:
    """The secret in a file that only we can read. The first run makes the file."""
    with suppress(FileNotFoundError):
        if kept := path.read_text().strip():
            return kept
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        made = secrets.token_urlsafe(50)
        file.write(made)
    return made


def _free_ports(*preferred: int) -> Iterator[int]:
    """Yield for each preferred port the port itself, or the next one on which nobody listens. All are different."""
    taken: set[int] = set()
    for wish in preferred:
        port = next(port for port in range(wish, wish + _PORTS_TRIED) if port not in taken and _is_free(port))
        taken.add(port)
        yield port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: lingering connections of an earlier run do not make a port count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
