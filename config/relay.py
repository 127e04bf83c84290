"""The relay: the only code that publishes broker messages. It has THREADS threads. Call it only after commit."""

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
    """Hands broker messages to the publisher threads without waiting for them: a broker that hangs delays no caller."""

    def __init__(self) -> None:
        self._messages: queue.Queue[Callable[[], object]] = queue.Queue(WAITING)
        for number in range(THREADS):
            threading.Thread(target=self._publish, name=f"publisher-{number}", daemon=True).start()

    def send(self, actor: dramatiq.Actor[..., Any], *args: object, to: str | None = None) -> bool:
        """Let a publisher thread publish a message to an actor, on the actor's queue or on the queue `to`.

        Returns False if the message was dropped (see `publish`).
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
        """Let a publisher thread publish a broker message, at the process's broker or at the broker `at`.

        Returns False if the message was dropped, because WAITING messages wait already. True does not mean published:
        an error of the broker is only logged. `then` is called in the publisher's thread after the broker's confirm.
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
