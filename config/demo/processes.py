"""Runs sandbox, worker, scheduler and web as threads of one process; in production each is a process."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import dramatiq
from django.conf import settings
from django.db import connection
from django.utils.module_loading import autodiscover_modules

from config.demo.web import WebThread
from config.scheduler import Scheduler
from messaging.sandbox.server import SandboxConfig, SandboxThread

WORKER_THREADS = 4
# Seconds that each of them has to finish its work when it is stopped.
_STOP_S = 5


@contextmanager
def running() -> Iterator[None]:
    """Run sandbox, worker, scheduler and web until the `with` block ends. Raises OSError if a port is taken."""
    with ExitStack() as started:
        started.callback(_close_database)
        started.enter_context(_sandbox())
        started.enter_context(_worker())
        started.enter_context(_scheduler())
        started.enter_context(WebThread(port=urlsplit(settings.PUBLIC_BASE_URL).port or 0))
        yield


def _sandbox() -> SandboxThread:
    return SandboxThread(
        SandboxConfig(
            account_sid=settings.TWILIO_ACCOUNT_SID,
            auth_token=settings.TWILIO_AUTH_TOKEN,
            port=urlsplit(settings.TWILIO_API_BASE_URL).port or 0,
        )
    )


@contextmanager
def _worker() -> Iterator[None]:
    autodiscover_modules(*settings.DRAMATIQ_AUTODISCOVER_MODULES)
    worker = dramatiq.Worker(dramatiq.get_broker(), worker_threads=WORKER_THREADS, worker_timeout=100)
    worker.start()
    try:
        yield
    finally:
        worker.stop(timeout=_STOP_S * 1000)


@contextmanager
def _scheduler() -> Iterator[None]:
    scheduler = Scheduler()
    thread = threading.Thread(target=scheduler.run, name="scheduler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        scheduler.stop()
        thread.join(_STOP_S)


def _close_database() -> None:
    # Close pooled connections too: they would try to reconnect when PostgreSQL ends.
    connection.close()
    close_pool = getattr(connection, "close_pool", None)
    if close_pool is not None:
        close_pool()
