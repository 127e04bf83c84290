"""A private RabbitMQ leaves the machine's own alone, counts its messages, and can be broken at will."""

import contextlib
import socket
from collections.abc import Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from deploy.local import rabbitmq
from deploy.local.processes import ServerFailed, is_alive, wait_until
from deploy.local.rabbitmq import PrivateRabbitMQ


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateRabbitMQ]:
    """A server of this module, because it is killed here while other tests may use the session's server."""
    with PrivateRabbitMQ() as running:
        yield running


@contextlib.contextmanager
def channel(server: PrivateRabbitMQ) -> Iterator[BlockingChannel]:
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(server.url))) as connection:
        opened = connection.channel()
        opened.confirm_delivery()
        yield opened


def test_it_counts_and_forgets(server: PrivateRabbitMQ) -> None:
    before = server.published_total()
    with channel(server) as opened:
        opened.queue_declare("seven", durable=True)
        opened.queue_declare("none", durable=True)
        for _ in range(7):
            opened.basic_publish("", "seven", b"hint")
    assert server.queue_depths() == {"seven": 7, "none": 0}
    assert server.published_total() - before == 7
    server.reset()
    assert server.queue_depths() == {}


def test_queues_are_quorum_queues_without_saying_so(server: PrivateRabbitMQ) -> None:
    with channel(server) as opened:
        opened.queue_declare("plain", durable=True)
        # A queue that is declared again as a classic one is refused, because it is a quorum queue.
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="x-queue-type"):
            opened.queue_declare("plain", durable=True, arguments={"x-queue-type": "classic"})
    server.reset()


def test_it_has_its_own_ports_and_files(server: PrivateRabbitMQ) -> None:
    assert server.port not in (5672, 15672)
    assert server._environment()["ERL_EPMD_PORT"] != "4369"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((own_address(), server.port), timeout=1)


def test_a_memory_alarm_blocks_publishers_until_it_clears(server: PrivateRabbitMQ) -> None:
    with channel(server) as opened:
        told: list[str] = []
        opened.connection.add_on_connection_blocked_callback(lambda *_: told.append("blocked"))
        opened.connection.add_on_connection_unblocked_callback(lambda *_: told.append("unblocked"))
        server.memory_alarm(True)
        try:
            opened._impl.basic_publish("", "nowhere", b"hint")  # The confirmation, which does not come, is not awaited.
            opened.connection.process_data_events(time_limit=1)
            assert told == ["blocked"]
        finally:
            server.memory_alarm(False)
        opened.connection.process_data_events(time_limit=1)
        assert told == ["blocked", "unblocked"]


def test_killed_and_started_again_it_has_its_messages(server: PrivateRabbitMQ) -> None:
    with channel(server) as opened:
        opened.queue_declare("kept", durable=True)
        opened.basic_publish("", "kept", b"hint", pika.BasicProperties(delivery_mode=2))
    (names,) = (server.folder / "mnesia").glob("*/quorum/*/names.dets")
    assert wait_until(lambda: b"kept" in names.read_bytes(), timeout_s=10)  # see ELECT_LEADERS
    url, pid = server.url, server.pid
    server.kill()
    assert not is_alive(pid)
    server.start()
    assert server.url == url
    assert wait_until(lambda: server.queue_depths() == {"kept": 1}, timeout_s=10)
    server.reset()


def test_paused_it_answers_nothing(server: PrivateRabbitMQ) -> None:
    server.pause()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            with pytest.raises(TimeoutError):
                connection.recv(8)
    finally:
        server.resume()
    server.reset()


def test_a_failed_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "CONFIGURATION", "no.such.setting = 1\n")
    server = PrivateRabbitMQ()
    with pytest.raises(ServerFailed, match="ended with"):
        server.start()
    server.close()
    assert not server.folder.exists()


def own_address() -> str:
    """An IP address of this machine other than 127.0.0.1."""
    return "127.0.0.2"
