"""Connects to the broker, RabbitMQ. It carries only hints: if it loses one, PostgreSQL still has the row."""

from typing import Any
from urllib.parse import urlsplit

import dramatiq
import pika.exceptions
from django.db import OperationalError
from dramatiq.brokers.rabbitmq import DEAD_MESSAGE_TTL, RabbitmqBroker, _RabbitmqConsumer
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import xq_name

from messaging.database.sql import is_out_of_reach

QUEUES = ("emergency", "messages", "geo", "media", "default")

# Measured with pika 1.4: only stack_timeout shortens connecting to a broker that hangs. Without a heartbeat a frozen
# peer is noticed only after minutes. blocked_connection_timeout is not set: with it a worker's own retry can be lost.
_PARAMETERS = "heartbeat=10&stack_timeout=5&connection_attempts=1"


def connect(*, urls: list[str], middleware: list[dramatiq.Middleware]) -> dramatiq.Broker:
    """The broker at `urls` (RABBITMQ_URL), with all QUEUES declared.

    `memory://` is a broker in this process, for the demo. If the URL names several nodes, the process connects to the
    first node that responds.
    """
    broker: dramatiq.Broker
    if urls[0].startswith("memory:"):
        broker = StubBroker(middleware=middleware)
    else:
        nodes = [f"{url}{'&' if urlsplit(url).query else '?'}{_PARAMETERS}" for url in urls]
        broker = QuorumBroker(url=nodes, confirm_delivery=True, middleware=middleware)
    for queue in QUEUES:
        broker.declare_queue(queue)
    return broker


class QuorumBroker(RabbitmqBroker):
    """RabbitMQ with quorum queues, whatever the virtual host's default is: no hint is lost when a node dies."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        arguments: dict[str, Any] = super()._build_queue_arguments(queue_name)  # type: ignore[no-untyped-call]
        return arguments | {"x-queue-type": "quorum"}

    def _declare_xq_queue(self, queue_name: str) -> Any:
        # Dramatiq does not use the arguments above for the dead-letter queue.
        arguments = {"x-queue-type": "quorum", "x-message-ttl": DEAD_MESSAGE_TTL}
        return self.channel.queue_declare(queue=xq_name(queue_name), durable=True, arguments=arguments)

    @property
    def consumer_class(self) -> type[dramatiq.Consumer]:
        return _Consumer

    def drop_connection(self) -> None:
        """Forget this thread's connection, so that the next publish makes a new one."""
        try:
            del self.connection
        except (pika.exceptions.AMQPError, OSError, ValueError, KeyError):
            self.logger.debug("The connection was already unusable.", exc_info=True)


class _Consumer(_RabbitmqConsumer):
    """Moves malformed broker messages to the dead letters, because they would stop the worker.

    Dramatiq's threads end at a message that names a queue they do not know. Its consumers restart forever at a message
    whose options are not a dictionary.
    """

    def __next__(self) -> dramatiq.MessageProxy | None:
        message: dramatiq.MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        if message is None or self._is_sound(message):
            return message
        self.logger.error("Refused a malformed message. Moving it to the DLQ.")
        self.nack(message)  # type: ignore[no-untyped-call]
        return None

    def _is_sound(self, message: dramatiq.MessageProxy) -> bool:
        return (
            message.queue_name == self.queue_name
            and isinstance(message.options, dict)
            and isinstance(message.kwargs, dict)
            and isinstance(message.actor_name, str)
        )


class ErrorNames(dramatiq.Middleware):
    """Stores the error's name in a failed message, and removes the traceback, which quotes rows, numbers and texts."""

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        if exception is not None:
            # One name for every error that only says that the database was away (config/deadletters.py).
            name = OperationalError if is_out_of_reach(exception) else type(exception)
            message.options["error"] = name.__name__

    def before_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message[Any], delay: int | None) -> None:
        message.options.pop("traceback", None)


class CourierLifecycle(dramatiq.Middleware):
    """Warms up the courier of a worker that sends messages, before the worker's first message.

    When the worker stops, waits for the attempts that it has begun, at most DRAIN_S (`courier.drain`).
    """

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        from messaging.delivery import courier  # the broker is made before Django's models can be imported
        from messaging.delivery.dispatch import ROUTINE_QUEUE, URGENT_QUEUE

        whitelist = worker.consumer_whitelist
        if whitelist is None or whitelist & {URGENT_QUEUE, ROUTINE_QUEUE}:
            courier.warm_up()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        from messaging.delivery import courier

        courier.drain()
