"""Plain Dramatiq: its own rate limiter, its own retries, emergencies in a queue and a worker of their own."""

import os
from contextlib import nullcontext
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.rate_limits import WindowRateLimiter
from dramatiq.rate_limits.backends import RedisBackend

from tests.bench.peers import sms

dramatiq.set_broker(RabbitmqBroker(url=os.environ["BENCH_BROKER"]))
_limiter = (
    WindowRateLimiter(  # type: ignore[no-untyped-call]
        RedisBackend(url=os.environ["BENCH_REDIS"]), sms.ROUTINE, limit=sms.PACE
    )
    if sms.PACE
    else None
)


def _send(message_id: int) -> None:
    with _limiter.acquire() if _limiter else nullcontext():
        sms.send(message_id)


# A task that the limiter turns away raises and is retried. With a pace this is no failure, so retries are unlimited.
_RETRIES: dict[str, Any] = {"max_retries": None if sms.PACE else 5, "min_backoff": 100, "max_backoff": 1_000}
send_routine = dramatiq.actor(actor_name="send_routine", queue_name=sms.ROUTINE, **_RETRIES)(_send)
send_emergency = dramatiq.actor(actor_name="send_emergency", queue_name=sms.EMERGENCY, **_RETRIES)(_send)
