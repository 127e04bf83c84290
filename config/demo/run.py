"""Runs the demo: starts PostgreSQL and the other parts, plays the story, and stops all of them."""

import logging.handlers
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import Error as DatabaseError

from config.demo import embedded, processes, summary
from config.demo.people import StoryFailed
from config.demo.phones import Phones
from config.demo.postgres import EmbeddedPostgres
from config.demo.story import Outcome, Story
from config.demo.timeline import Timeline
from config.logging import configure
from config.postgres import PostgresFailed
from identity.models import User
from identity.staff import factors
from messaging.database import clock
from messaging.sandbox.control import SandboxControl

ADMIN = "+996700000000"
_READY_S = 30
_LOG_BYTES = 5_000_000


def demo() -> int:
    """Play the story, and at a terminal keep everything running until Ctrl-C (unless DEMO_EXIT=1).

    Returns the exit code: 0 if the story succeeded, else 1.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show Cyrillic gets question marks.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    timeline = Timeline(sys.stdout)
    log = embedded.folder() / "demo.log"
    _log_to(log)
    try:
        with _postgres(timeline) as postgres, processes.running():
            _await_ready(timeline)
            admin = _admin_secrets()
            _show_addresses(timeline, admin)
            outcome = _play(timeline)
            if _is_attended():
                _stay_up(timeline, postgres, outcome, admin)
    except (StoryFailed, PostgresFailed, DatabaseError, OSError) as error:
        timeline.failure(f"\nThe demo failed: {error}\nIts log: {log}")
        return 1
    return 0


@contextmanager
def _postgres(timeline: Timeline) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(embedded.folder())
    timeline.line(f"PostgreSQL starts with its data in {server.data}")
    server.start(port=int(settings.DATABASES["default"]["PORT"]))
    try:
        call_command("migrate", verbosity=0, interactive=False)
        yield server
    finally:
        server.stop()


def _await_ready(timeline: Timeline) -> None:
    """Wait until /readyz says that database, migrations and scheduler are ready. Raises StoryFailed after _READY_S.

    The request also loads what the first request of a process has to load.
    """
    began_at = time.monotonic()
    deadline = began_at + _READY_S
    while True:
        response = _get(f"{settings.PUBLIC_BASE_URL}/readyz")
        if response.ok:
            break
        if time.monotonic() > deadline:
            raise StoryFailed(f"/readyz still says after {_READY_S} s: {response.text}")
        time.sleep(0.1)
    timeline.line("Web, worker, scheduler and SMS sandbox are ready; nothing leaves this machine.")


def _get(url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=_READY_S)


def _admin_secrets() -> str:
    """Give the admin a new password and second factor in every run, so that they need not be stored. Returns both."""
    password = secrets.token_urlsafe(9)
    admin = User.objects.filter(phone_number=ADMIN).first() or User(phone_number=ADMIN, first_name="Admin")
    admin.is_staff = admin.is_superuser = admin.is_active = True
    admin.set_password(password)
    admin.save()
    enrolled = factors.enrol(admin, now=clock.now())
    codes = " ".join(enrolled.recovery_codes[:3])
    return f"password {password}, code (each once): {codes}"


def _show_addresses(timeline: Timeline, admin_secrets: str) -> None:
    timeline.line()
    timeline.line(f"  API docs   {settings.PUBLIC_BASE_URL}/api/docs/")
    timeline.line(f"  Phones     {settings.TWILIO_API_BASE_URL}/sandbox/")
    timeline.line(f"  Admin      {settings.PUBLIC_BASE_URL}/admin/  as {ADMIN}, {admin_secrets}")


def _play(timeline: Timeline) -> Outcome:
    sandbox = SandboxControl(settings.TWILIO_API_BASE_URL, settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)
    story = Story(base_url=settings.PUBLIC_BASE_URL, phones=Phones(sandbox), timeline=timeline)
    outcome = story.play()
    timeline.line()
    timeline.success(f"SOS: {len(outcome.sms_ms)} of {outcome.contacts} phones")
    for line in summary.lines(outcome):
        timeline.line(line)
    return outcome


def _is_attended() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("DEMO_EXIT", "") in ("", "0")


def _stay_up(timeline: Timeline, postgres: EmbeddedPostgres, outcome: Outcome, admin_secrets: str) -> None:
    _show_addresses(timeline, admin_secrets)
    timeline.line(f"  auth/login/ as {outcome.person.name}: {outcome.person.phone}, password {outcome.person.password}")
    timeline.line("\nIt stays up until Ctrl-C.")
    try:
        while postgres.is_running:
            time.sleep(0.5)
    except SystemExit:
        timeline.line("\nStopping.")
        return
    raise PostgresFailed("PostgreSQL ended.")


def _log_to(path: Path) -> None:
    """Log as in production, but into a file: on the terminal the log would hide the story."""
    configure(debug=False)
    root = logging.getLogger()
    into_file = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    into_file.setFormatter(root.handlers[0].formatter)
    root.handlers = [into_file]
    threading.excepthook = _log_thread_failure


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    name = failure.thread.name if failure.thread else "a thread"
    logging.getLogger(__name__).error("thread_failed %s", name, exc_info=failure.exc_value)
