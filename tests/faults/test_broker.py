"""RabbitMQ goes away in every way it has and comes back: the same workers deliver again, each message once."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from deploy.local.processes import wait_until
from tests.faults import faults
from tests.world import World
from tests.world.installation import WORKERS

pytestmark = pytest.mark.matrix

# Longer than two heartbeats of ten seconds: each end takes the other for dead.
SILENCE_S = 25


@contextmanager
def long_pause(world: World) -> Iterator[None]:
    with faults.broker_paused(world):
        time.sleep(SILENCE_S)
        yield


FAULTS: dict[str, Callable[[World], AbstractContextManager[None]]] = {
    "killed": faults.broker_killed,
    "paused for long": long_pause,
    "out of memory": faults.broker_out_of_memory,
    "queues full": faults.broker_full,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_same_workers_deliver_again(world: World, fault: str) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon")]
    pids = {name: process.pid for name, process in world.processes.items()}
    world.pace(20)
    letters = world.queue_routine(60)
    assert wait_until(lambda: len(world.arrivals(letters)) >= 5, timeout_s=20)

    with FAULTS[fault](world):
        pressed = time.time()
        assert aida.press_sos().status_code == 201
        arrivals = world.wait_for_arrivals(phones, timeout_s=20)
        assert max(a.at for a in arrivals) - pressed < 5

    assert wait_until(lambda: _workers_deliver(world), timeout_s=60, every_s=1), world.logs()
    world.wait_for_states(phones + letters, {"delivered": len(phones + letters)}, timeout_s=60)
    assert len(world.arrivals(phones + letters)) == len(phones + letters)
    assert pids == {name: process.pid for name, process in world.processes.items() if process.is_running}


def _workers_deliver(world: World) -> bool:
    phones = world.queue_routine(1)
    world.wait_for_arrivals(phones, timeout_s=30)
    return world.deliverers(phones) == {"worker": 1} and world.consumers() == len(WORKERS)
