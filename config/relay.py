"""The relay: the only place that publishes broker messages, after commit, from a few long-lived threads."""

import queue
import threading
from collections.abc import Callable
from typing import Any

import dramatiq
import structlog

from config.broker import QuorumBroker

log = structlog.get_logger(__name__)

# Measured with confirms: about 800 publishes a second from one thread, 4,400 from four.
THREADS = 4
# Messages that may wait. A broker that hangs fills this within seconds; further hints are dropped, because their rows
# are found by age.
WAITING = 1_000


class Relay:
    """Hands broker messages to the publisher threads. A publisher that hangs delays no caller."""

    def __init__(self) -> None:
        self._messages: queue.Queue[Callable[[], object]] = queue.Queue(WAITING)
        for number in range(THREADS):
            threading.Thread(target=self._publish, name=f"publisher-{number}", daemon=True).start()

    def send(self, actor: dramatiq.Actor[..., Any], *args: object, to: str | None = None) -> bool:
        """Publish a message to an actor, on the actor's queue or on the queue `to`.

        Returns False if the message was dropped.
        """
        message = actor.message(*args)
        return self.publish(message.copy(queue_name=to) if to else message, at=actor.broker)

    def publish(
        self,
        message: dramatiq.Message[Any],
        *,
        at: dramatiq.Broker | None = None,
        then: Callable[[], object] = lambda: None,
    ) -> bool:
        """Publish a broker message, at the process's broker or at the broker `at`. Returns False if the message was
        dropped.

        A message is dropped when the relay's queue is full. `then` is called in the publisher's thread, after the
        broker has confirmed the message.
        """
        broker = at or dramatiq.get_broker()
        try:
            self._messages.put_nowait(lambda: (broker.enqueue(message), then()))
        except queue.Full:
            log.error("hint_dropped", actor=message.actor_name)
            return False
        return True

    def _publish(self) -> None:
        while True:
            enqueue = self._messages.get()
            try:
                enqueue()
            except Exception as error:  # noqa: BLE001 pika's errors have no common base; the row is found by age
                log.warning("hint_maybe_lost", error=type(error).__name__)
                _drop_connection()


def _drop_connection() -> None:
    broker = dramatiq.get_broker()
    if isinstance(broker, QuorumBroker):
        broker.drop_connection()
