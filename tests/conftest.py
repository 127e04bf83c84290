from collections.abc import Iterator, Sequence
from threading import BoundedSemaphore
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client

from identity.pins import even_timing
from messaging.database import clock
from tests.world import World


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that run, time or break a whole installation as `alone`; `make test` runs the others two at a time."""
    for item in items:
        if isinstance(item, pytest.Function) and "installation" in item.fixturenames:
            item.add_marker("alone")


@pytest.fixture(autouse=True)
def patient_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction be idle for longer than the engine's may: a test's own transaction lasts as long as the
    test."""
    monkeypatch.setattr(clock, "IDLE_LIMIT", "60s")
    monkeypatch.setattr(clock, "REQUEST_IDLE_LIMIT", "60s")


@pytest.fixture(autouse=True)
def many_ends_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests race many ends of alerts in one process."""
    if not request.module.__name__.startswith("tests.security.one_account."):
        monkeypatch.setattr(even_timing, "_waiting", BoundedSemaphore(64))


def _delete_all(operations: DatabaseOperations, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
    """Delete all rows in any order, with triggers off, also rows that nobody may delete.

    Rows that migrations wrote for Django itself stay; otherwise they would be written again.
    """
    written = {"django_content_type", "auth_permission"}
    deletions = [f"DELETE FROM {operations.quote_name(table)}" for table in tables if table not in written]
    return ["SET LOCAL session_replication_role = replica", *deletions]


@pytest.fixture(scope="session", autouse=True)
def quick_flushes() -> Iterator[None]:
    """Delete rows instead of truncating after a test with transactions of its own.

    Truncating every table and partition takes Django a quarter of a second; deleting a few rows takes milliseconds.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", _delete_all)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_clients() -> Iterator[None]:
    """Let WhiteNoise look for a static file when it is asked for.

    Every test client builds the middleware again, and WhiteNoise would read all static files each time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "WHITENOISE_AUTOREFRESH", True, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def both_factors() -> Iterator[None]:
    """`force_login` of an operator stands for a log-in with the password and the code."""
    # Django is set up by now, but not yet when this file is imported.
    from identity.staff import factors
    from identity.staff.site import remember_proof

    plain = Client.force_login

    def force_login(client: Client, user: Any, backend: str | None = None) -> None:
        plain(client, user, backend)
        if user.is_staff:
            factors.enrol(user, now=clock.now())
            session = client.session
            remember_proof(session, at=clock.now())
            session.save()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "force_login", force_login)
        yield


@pytest.fixture(scope="session")
def installation() -> Iterator[World]:
    world = World()
    try:
        world.start()
        yield world
    finally:
        world.stop()


@pytest.fixture
def world(installation: World) -> World:
    """The running installation, with every process alive and idle."""
    installation.settle()
    return installation
