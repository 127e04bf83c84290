"""Three RabbitMQ nodes: the node that every process is connected to dies under load, and no process is restarted."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from config.broker import QUEUES
from deploy.local.processes import wait_until
from deploy.local.rabbitmq import PrivateRabbitMQ
from tests.faults import crowds
from tests.world import World

pytestmark = pytest.mark.matrix

# One consumer of each queue and one of its delay queue.
CONSUMERS = 2 * len(QUEUES)


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[PrivateRabbitMQ]]:
    with ExitStack() as running:
        first = running.enter_context(PrivateRabbitMQ())
        others = [running.enter_context(PrivateRabbitMQ(joins=first, number=number)) for number in (2, 3)]
        assert wait_until(lambda: len(first.running_nodes()) == 3, timeout_s=30)
        yield [first, *others]


@pytest.fixture(scope="module")
def world(nodes: list[PrivateRabbitMQ]) -> Iterator[World]:
    world = World(rabbitmq_url=",".join(node.url for node in nodes))
    try:
        world.start()
        yield world
    finally:
        world.stop()


def test_a_node_dies_under_load(world: World, nodes: list[PrivateRabbitMQ]) -> None:
    world.settle()
    first, second, _ = nodes
    crowd = crowds.gather(world, people=6, contacts=2)
    late = crowds.gather(world, people=1, contacts=2)
    pids = {name: process.pid for name, process in world.processes.items()}
    world.pace(20)
    with crowd.pressing(letters=100):
        assert wait_until(lambda: len(world.arrivals(crowd.phones)) >= 2, timeout_s=30)
        # Each process connects to the first node that answers, so all use this one.
        assert first.connections() >= CONSUMERS
        assert second.connections() == 0
        first.kill()
        assert wait_until(lambda: second.connections() >= CONSUMERS, timeout_s=60, every_s=0.5), world.logs()
    assert set(crowd.statuses()) <= {200, 201}
    with late.pressing(letters=20):
        world.wait_for_arrivals(late.phones + late.letters, timeout_s=30)
    for each in (crowd, late):
        each.assert_answers()
        each.assert_each_has_one_sms()
    assert world.deliverers(late.phones + late.letters) == {"worker": 22}
    assert pids == {name: process.pid for name, process in world.processes.items() if process.is_running}
    first.start()
    assert wait_until(lambda: len(second.running_nodes()) == 3, timeout_s=30)
