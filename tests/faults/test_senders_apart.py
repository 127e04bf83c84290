"""One slow or refused sender never delays the messages of another."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.processes import wait_until
from messaging.outbox.senders import DEFAULT
from tests.world import World
from tests.world.people import fresh_number

# A refused sender stays out for a while, which other tests of the installation must not meet.
pytestmark = pytest.mark.matrix

OTHER = "other"
# More than one worker process may have in flight for a sender, and more than its threads could bring.
STUCK = 1_200
MESSAGES = 20
FAULTS: dict[str, dict[str, Any]] = {
    "hangs": {"hang": True, "created": False},
    "refused": {"error_code": 21606},
    "too many": {"status": 429, "retry_after_s": 1},
}


@pytest.fixture
def two_senders(world: World) -> Iterator[World]:
    world.execute(
        # The second sender serves other countries, so messages refused at the first cannot be passed on to it.
        "INSERT INTO messaging_sender (name, channel, origin, messaging_service_sid, preference, countries, classes,"
        " is_active, segments_per_second, segments_per_day, next_free_at)"
        " VALUES (%s, 'sms', '+15005550009', '', 100, '{+1}', '{}', true, 0, 0, now()) ON CONFLICT (name) DO NOTHING",
        OTHER,
    )
    world.pace(0)
    world.sandbox.behave(callbacks=False)
    yield world
    # Hanging requests end with their process, and refused messages are not tried again: the next test meets no outage.
    with world.without("worker-messages"):
        world.cancel_everything()


def _slowest(world: World) -> float:
    """Seconds until the last of the other sender's messages has arrived, in the slowest of three rounds."""
    took = []
    for _ in range(3):
        asked = time.time()
        phones = world.queue_routine(MESSAGES, sender=OTHER)
        took.append(max(a.at for a in world.wait_for_arrivals(phones, timeout_s=20)) - asked)
    return max(took)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_one_sender_does_not_slow_the_other(two_senders: World, fault: dict[str, Any]) -> None:
    world = two_senders
    alone = _slowest(world)
    stuck = fresh_number()
    world.sandbox.behave(to=stuck, **fault)
    world.queue_routine(STUCK, addresses=[stuck] * STUCK, sender=DEFAULT)
    tried = "SELECT count(*) FROM messaging_messageevent e JOIN messaging_message m ON m.id = e.message_id"
    assert wait_until(
        lambda: world.rows(f"{tried} WHERE m.address = %s AND e.state = 'sending'", stuck)[0][0] >= 500, timeout_s=20
    ), world.logs()
    beside = _slowest(world)
    # The poll takes half a second and finds messages whose notice was lost. A hanging request would take thirteen.
    assert beside < alone + 1.0, (alone, beside)
