"""The faults. Each is a block, and the fault lasts as long as the block."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.world import World
from tests.world.installation import WORKERS


@contextmanager
def broker_stopped(world: World) -> Iterator[None]:
    world.rabbitmq.stop()
    try:
        yield
    finally:
        world.rabbitmq.start()


@contextmanager
def broker_killed(world: World) -> Iterator[None]:
    world.rabbitmq.kill()
    try:
        yield
    finally:
        world.rabbitmq.start()


@contextmanager
def broker_paused(world: World) -> Iterator[None]:
    world.rabbitmq.pause()
    try:
        yield
    finally:
        world.rabbitmq.resume()


@contextmanager
def broker_out_of_memory(world: World) -> Iterator[None]:
    world.rabbitmq.memory_alarm(True)
    try:
        yield
    finally:
        world.rabbitmq.memory_alarm(False)


@contextmanager
def broker_full(world: World) -> Iterator[None]:
    """Nobody consumes, so every queue reaches its length and refuses further messages."""
    with workers_frozen(world):
        world.rabbitmq.full(True)
        try:
            yield
        finally:
            world.rabbitmq.full(False)


def workers_killed(world: World) -> AbstractContextManager[None]:
    return world.without(*WORKERS)


def workers_frozen(world: World) -> AbstractContextManager[None]:
    return world.frozen(*WORKERS)


def scheduler_killed(world: World) -> AbstractContextManager[None]:
    return world.without("scheduler-1")


def scheduler_frozen(world: World) -> AbstractContextManager[None]:
    return world.frozen("scheduler-2")


@contextmanager
def scripted(world: World, **script: object) -> Iterator[None]:
    """Let the sandbox behave like this to everyone."""
    world.sandbox.behave(**script)
    try:
        yield
    finally:
        world.sandbox.clear_behaviour()


# Outages that promise 3 names: the broker, or all workers, are away.
OUTAGES: dict[str, Callable[[World], AbstractContextManager[None]]] = {
    "broker stopped": broker_stopped,
    "broker paused": broker_paused,
    "broker out of memory": broker_out_of_memory,
    "workers killed": workers_killed,
    "workers frozen": workers_frozen,
    "queues full": broker_full,
}
FAULTS = OUTAGES | {
    "broker killed": broker_killed,
    "one scheduler killed": scheduler_killed,
    "one scheduler frozen": scheduler_frozen,
}
