"""PostgreSQL restarts, freezes and fails over to its synchronous standby under load; no process is restarted."""

import time
from collections.abc import Callable, Iterator

import pytest
import requests

from deploy.local.postgres import PrivatePostgres, PrivateStandby
from deploy.local.processes import wait_until
from tests.faults import crowds
from tests.services import rabbitmq
from tests.world import World

# In `make test` PostgreSQL only pauses (test_dependencies.py). These tests take longer.
pytestmark = pytest.mark.matrix

RECOVERS_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def primary() -> Iterator[PrivatePostgres]:
    with PrivatePostgres(durable=False) as server:
        yield server


@pytest.fixture(scope="module")
def standby(primary: PrivatePostgres) -> Iterator[PrivateStandby]:
    with PrivateStandby(primary) as server:
        yield server


@pytest.fixture(scope="module")
def world(standby: PrivateStandby) -> Iterator[World]:
    """An installation with servers of its own, so that no other test meets a broken database."""
    # The workers of the shared installation must not take the hints of this one.
    world = World(postgres_url=standby.pair_url, rabbitmq_url=rabbitmq().add_virtual_host("pair"))
    try:
        world.start()
        yield world
    finally:
        world.stop()


@pytest.fixture(autouse=True)
def settled(world: World) -> None:
    world.settle()


def test_a_restart_under_load(world: World, primary: PrivatePostgres) -> None:
    """People who press do not notice a moment. Five seconds are longer than a request waits for a connection."""

    def restart_twice() -> None:
        primary.restart()
        time.sleep(2)
        primary.stop()
        stopped = time.monotonic()
        page = requests.get(f"{world.url}/a/{'a' * 22}", timeout=20)
        assert (page.status_code, "112" in page.text) == (503, True)
        time.sleep(max(0, 5 - (time.monotonic() - stopped)))
        primary.start()

    crowd = _survive(world, restart_twice, people=8)
    assert crowd.statuses()[503] > 0


def test_three_frozen_seconds_under_load(world: World, primary: PrivatePostgres) -> None:
    def freeze() -> None:
        primary.pause()
        time.sleep(3)
        primary.resume()

    _survive(world, freeze, people=8)


def test_the_standby_takes_over_under_load(world: World, primary: PrivatePostgres, standby: PrivateStandby) -> None:
    """The last test of this module, because there is no second standby."""

    def fail_over() -> None:
        primary.kill()
        # Longer than a request waits for a connection.
        time.sleep(5)
        standby.promote()

    crowd = _survive(world, fail_over, people=6)
    assert crowd.statuses()[503] > 0


def _survive(world: World, fault: Callable[[], None], *, people: int) -> crowds.Crowd:
    """Let a crowd press before, during and after the fault, and assert that nothing shows it."""
    crowd = crowds.gather(world, people=people, contacts=2)
    late = crowds.gather(world, people=1, contacts=2)
    pids = {name: process.pid for name, process in world.processes.items()}
    world.pace(20)
    with crowd.pressing(letters=100):
        assert wait_until(lambda: len(world.arrivals(crowd.phones)) >= 2, timeout_s=30)
        fault()
        # Everything works again: one more person presses and is heard while the crowd goes on.
        recovered = time.monotonic()
        with late.pressing(letters=0):
            world.wait_for_arrivals(late.phones, timeout_s=30)
        assert time.monotonic() - recovered < RECOVERS_WITHIN_S
    for each in (crowd, late):
        each.assert_answers()
        each.assert_each_has_one_sms()
    assert pids == {name: process.pid for name, process in world.processes.items() if process.is_running}
    return crowd
