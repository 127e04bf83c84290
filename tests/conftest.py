from collections.abc import Iterator

import pytest

from tests.world import World


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
