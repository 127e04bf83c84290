from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.postgresql.operations import DatabaseOperations

from messaging.database import clock
from tests.world import World


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs, times and breaks a whole installation has the machine to itself; `make test` runs the rest two at a
    time."""
    for item in items:
        if isinstance(item, pytest.Function) and "installation" in item.fixturenames:
            item.add_marker("alone")


@pytest.fixture(autouse=True)
def patient_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's own transaction lasts as long as the test: on a busy machine longer than the engine's may."""
    monkeypatch.setattr(clock, "IDLE_LIMIT", "60s")
    monkeypatch.setattr(clock, "REQUEST_IDLE_LIMIT", "60s")


def _delete_all(operations: DatabaseOperations, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
    """Without triggers: rows that nobody may delete are deleted too, and in any order. What migrations wrote for Django
    itself stays, or would be written again."""
    written = {"django_content_type", "auth_permission"}
    deletions = [f"DELETE FROM {operations.quote_name(table)}" for table in tables if table not in written]
    return ["SET LOCAL session_replication_role = replica", *deletions]


@pytest.fixture(scope="session", autouse=True)
def quick_flushes() -> Iterator[None]:
    """After a test with transactions of its own Django truncates every table and partition, which takes a quarter of a
    second; deleting its few rows takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", _delete_all)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_clients() -> Iterator[None]:
    """Every test client makes the middleware anew, and WhiteNoise would read all static files for each: it looks for a
    file when it is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "WHITENOISE_AUTOREFRESH", True, raising=False)
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
    """The running installation, everything alive and idle."""
    installation.settle()
    return installation
