"""Every test run has a PostgreSQL and a RabbitMQ of its own, started before Django reads its settings.

A pytest plugin (`-p tests.services` in pyproject.toml). An existing DATABASE_URL is ignored on purpose: tests never
touch somebody's server. A service that does not start fails the run; nothing is skipped.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.local.packages import ensure_installed
from deploy.local.postgres import PrivatePostgres
from deploy.local.rabbitmq import PrivateRabbitMQ
from deploy.local.server import PrivateServer

SETTINGS = {
    "SECRET_KEY": "a-key-for-tests-only-of-more-than-fifty-characters-0123456789",
    "DATA_KEYS": "a-data-key-for-tests-only-of-more-than-fifty-characters-01234567",
    "DEBUG": "False",
    "ALLOWED_HOSTS": "*",
    "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
    "TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef" * 2,
    "TWILIO_AUTH_TOKEN": "a-token-for-tests-only",
    "TWILIO_PHONE_NUMBER": "+15005550006",
    "TWILIO_MESSAGING_SERVICE_SID": "",
    "TWILIO_VOICE_NUMBER": "+15005550009",
    "TWILIO_CALLS_PER_SECOND": "100",
    # Nothing listens there: a test that wants a provider starts a sandbox and sets its URL.
    "TWILIO_API_BASE_URL": "http://127.0.0.1:1",
    "TWILIO_SEGMENTS_PER_SECOND": "100",
    "SMS_COUNTRIES": "KG,US",
    "SENTRY_DSN": "",
    "OPS_EMAILS": "",
    # Nothing listens there either.
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "EMAIL_FROM": "AlertMe <alertme@alertme.example>",
}

_running: dict[type[PrivateServer], PrivateServer] = {}
_media: list[str] = []


def postgres() -> PrivatePostgres:
    server = _running[PrivatePostgres]
    assert isinstance(server, PrivatePostgres)
    return server


def rabbitmq() -> PrivateRabbitMQ:
    server = _running[PrivateRabbitMQ]
    assert isinstance(server, PrivateRabbitMQ)
    return server


@pytest.fixture(scope="session")
def postgres_server() -> PrivatePostgres:
    return postgres()


@pytest.fixture(scope="session")
def rabbitmq_server() -> PrivateRabbitMQ:
    return rabbitmq()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> Generator[None]:
    if not {"-h", "--help", "-V", "--version"} & set(args):
        start()
    return (yield)


def pytest_unconfigure() -> None:
    stop()


def start() -> None:
    """Start both servers at the same time and set the environment that names them."""
    ensure_installed(for_tests=True)
    servers: tuple[PrivatePostgres, PrivateRabbitMQ] = (PrivatePostgres(durable=False), PrivateRabbitMQ())
    _running.update({type(server): server for server in servers})
    try:
        _at_once([server.start for server in servers])
    except BaseException:
        stop()
        raise
    _media.append(tempfile.mkdtemp(prefix="alertme-media-"))
    os.environ.update(SETTINGS, DATABASE_URL=servers[0].url, RABBITMQ_URL=servers[1].url, MEDIA_ROOT=_media[-1])


def stop() -> None:
    servers = list(_running.values())
    _running.clear()
    while _media:
        shutil.rmtree(_media.pop())
    _at_once([server.close for server in servers])


def _at_once(calls: Sequence[Callable[[], None]]) -> None:
    """Run all in threads, wait for all, and raise the first error."""
    with ThreadPoolExecutor() as pool:
        for pending in [pool.submit(call) for call in calls]:
            pending.result()
