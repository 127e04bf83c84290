from collections.abc import Iterator

import pytest

from messaging import clock
from tests.world import World


@pytest.fixture(autouse=True)
def patient_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's own transaction lasts as long as the test: on a busy machine longer than the engine's may."""
    monkeypatch.setattr(clock, "IDLE_LIMIT", "60s")
    monkeypatch.setattr(clock, "REQUEST_IDLE_LIMIT", "60s")


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
