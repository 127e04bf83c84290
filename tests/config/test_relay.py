"""A broker that hangs or refuses delays nobody: the caller hands a message over and goes on."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.rabbitmq import DEAD_MESSAGE_TTL
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import xq_name
from dramatiq.errors import QueueNotFound
from pika.exceptions import ChannelClosedByBroker

from config import broker as brokers
from config import relay
from config.broker import QUEUES, connect
from config.relay import Relay
from deploy.local.processes import wait_until
from deploy.local.rabbitmq import PrivateRabbitMQ

AT_ONCE_S = 1.0


# A queue of this test alone: the workers of the running installation read the others.
OURS = "relay-test"


def actor_at(broker: dramatiq.Broker) -> "dramatiq.Actor[[int], None]":
    def work(number: int) -> None: ...

    return dramatiq.Actor(work, broker=broker, actor_name="work", queue_name=OURS, priority=0, options={})


@contextmanager
def silent_listener() -> Iterator[str]:
    """Accept connections and never send a byte, like a frozen broker."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"amqp://guest:guest@127.0.0.1:{listening.getsockname()[1]}/"


def send_many(url: str, monkeypatch: pytest.MonkeyPatch) -> float:
    """Hand over more messages than the relay can hold; returns the seconds it takes."""
    monkeypatch.setattr(relay, "WAITING", 50)
    broker = connect(urls=[url], middleware=[])
    work, handing = actor_at(broker), Relay()
    started = time.monotonic()
    kept = [handing.send(work, number) for number in range(200)]
    took = time.monotonic() - started
    assert kept[:50] == [True] * 50
    return took


def test_a_hung_broker_holds_nobody_up_and_what_does_not_fit_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_listener() as url:
        assert send_many(url, monkeypatch) < AT_ONCE_S


def test_a_refusing_broker_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert send_many("amqp://guest:guest@127.0.0.1:1/", monkeypatch) < AT_ONCE_S


def test_publishers_outlive_a_broker_that_refuses(rabbitmq_server: PrivateRabbitMQ) -> None:
    """The broker fails more often than there are publisher threads, then it works."""
    handing = Relay()
    refused = actor_at(connect(urls=["amqp://guest:guest@127.0.0.1:1/"], middleware=[]))
    for number in range(3 * relay.THREADS):
        assert handing.send(refused, number)
    memory = StubBroker(middleware=[])
    memory.declare_queue(OURS)
    works = actor_at(memory)
    assert handing.send(works, 7)
    assert wait_until(lambda: memory.queues[OURS].qsize() == 1, timeout_s=15, every_s=0.01)


def test_a_message_goes_to_its_own_queue_or_the_one_named() -> None:
    memory = StubBroker(middleware=[])
    for queue in (OURS, "messages"):
        memory.declare_queue(queue)
    work, handing = actor_at(memory), Relay()
    handing.send(work, 1)
    handing.send(work, 2, to="messages")
    assert wait_until(
        lambda: [memory.queues[q].qsize() for q in (OURS, "messages")] == [1, 1], timeout_s=15, every_s=0.01
    )


def test_every_queue_is_a_quorum_queue_of_a_real_broker(rabbitmq_server: PrivateRabbitMQ) -> None:
    broker = connect(urls=[rabbitmq_server.url], middleware=[])
    assert isinstance(broker, brokers.QuorumBroker)
    try:
        # Declare each queue again as it is: RabbitMQ would refuse another type.
        for queue in (*QUEUES, OURS):
            broker.declare_queue(queue, ensure=True)
        work, handing = actor_at(broker), Relay()
        for number in range(20):
            assert handing.send(work, number)
        assert wait_until(lambda: depth(broker, OURS) >= 20, timeout_s=15, every_s=0.01)
    finally:
        broker.flush(OURS)
        broker.close()


def test_the_dead_letter_queue_is_a_quorum_queue_too(rabbitmq_server: PrivateRabbitMQ) -> None:
    """The virtual host of this test has classic queues by default."""
    broker = connect(urls=[rabbitmq_server.add_virtual_host("classic")], middleware=[])
    assert isinstance(broker, brokers.QuorumBroker)
    broker.declare_queue(OURS, ensure=True)
    other = {"x-message-ttl": DEAD_MESSAGE_TTL, "x-queue-type": "classic"}
    with pytest.raises(ChannelClosedByBroker, match=r"current is .*'quorum'"):
        broker.channel.queue_declare(xq_name(OURS), durable=True, arguments=other)
    broker.drop_connection()


def depth(broker: Any, queue: str) -> int:
    try:
        ready, _, _ = broker.get_queue_message_counts(queue)
    except QueueNotFound:
        return 0
    return int(ready)


def test_each_url_keeps_its_own_options() -> None:
    broker = connect(urls=["amqp://127.0.0.1:1/", "amqp://127.0.0.1:2/?frame_max=8192"], middleware=[])
    assert isinstance(broker, brokers.QuorumBroker)
    nodes: Any = broker.parameters
    assert [(node.port, node.frame_max == 8192) for node in nodes] == [(1, False), (2, True)]
    for node in nodes:
        assert (node.heartbeat, node.stack_timeout, node.connection_attempts) == (10, 5, 1)
        assert node.blocked_connection_timeout is None
    assert connect(urls=["memory://local"], middleware=[]).get_declared_queues() >= set(QUEUES)
