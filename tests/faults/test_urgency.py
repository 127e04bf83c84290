"""Promise 5: an urgent message never waits for routine ones, and everybody's first contact comes before anybody's
second."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from deploy.local.processes import wait_until
from tests.world import World
from tests.world.crowd import Presser
from tests.world.people import fresh_number

GRANTED_WITHIN_S = 0.5
CONTACTS = 5
CLIENTS = 12


def _grant_times(world: World, *, backlog: int, presses: int) -> list[float]:
    """Seconds from queueing to granting, for SOS pressed one after another while routine messages leave at 10/s."""
    world.pace(10)
    letters = world.queue_routine(backlog)
    assert wait_until(lambda: world.states(letters)["queued"] < backlog, timeout_s=20)
    phones = [fresh_number() for _ in range(presses)]
    for presser in Presser.with_contacts(world, [[phone] for phone in phones]):
        presser.press()
        time.sleep(0.13)
    assert wait_until(lambda: not world.states(phones)["queued"], timeout_s=20), world.logs()
    took = world.rows(
        # On a busy machine a message may have to be granted again: then the later grant counts.
        "SELECT extract(epoch FROM max(e.at) - m.queued_at)::float FROM messaging_message m"
        " JOIN messaging_messageevent e ON e.message_id = m.id AND e.state = 'dispatched'"
        " WHERE m.address = ANY(%s) AND m.channel = 'sms' GROUP BY m.id",
        phones,
    )
    # Routine messages waited all the time, and are not granted any faster.
    assert world.states(letters)["queued"] > backlog / 2
    return sorted(seconds for (seconds,) in took)


def _p99(values: list[float]) -> float:
    return values[math.ceil(len(values) * 0.99) - 1]


def test_an_emergency_among_routine_is_granted_at_once(world: World) -> None:
    took = _grant_times(world, backlog=1_000, presses=15)
    assert len(took) == 15
    assert _p99(took) < GRANTED_WITHIN_S, took


@pytest.mark.matrix
def test_an_emergency_among_ten_thousand_is_granted_at_once(world: World) -> None:
    took = _grant_times(world, backlog=10_000, presses=50)
    assert len(took) == 50
    assert _p99(took) < GRANTED_WITHIN_S, took


def test_first_contacts_come_first_in_a_crowd(world: World) -> None:
    _press_all_and_compare(world, people=60, pace=60)


@pytest.mark.matrix
def test_first_contacts_come_first_when_a_thousand_press(world: World) -> None:
    _press_all_and_compare(world, people=1_000, pace=100)


def _press_all_and_compare(world: World, *, people: int, pace: float) -> None:
    """Compare each grant with the messages that were visible to it.

    At this pace first contacts run out again and again while more people press, so second contacts are granted too.
    """
    world.pace(pace)
    pressers = Presser.with_contacts(world, [[fresh_number() for _ in range(CONTACTS)] for _ in range(people)])
    with ThreadPoolExecutor(CLIENTS) as clients:
        answered = dict(clients.map(_press, pressers))
    last_answer = max(answered.values())
    owners = [str(presser.person) for presser in pressers]
    world.pace(0)  # Without a pace the rest does not take minutes.
    assert wait_until(lambda: len(_grants(world, owners)) == people * CONTACTS, timeout_s=120), world.logs()
    grants = _grants(world, owners)
    overtaken = _overtaken(grants, answered)
    assert not overtaken, overtaken[:5]
    # Second contacts were granted while people still pressed: only then is there anything to compare.
    assert any(rank > 0 and at < last_answer for _, rank, at in grants)


def _press(presser: Presser) -> tuple[str, float]:
    presser.press()
    return str(presser.person), datetime.now(UTC).timestamp()


def _grants(world: World, owners: list[str]) -> list[tuple[str, int, float]]:
    """The (owner, rank, time) of the first grant of each SMS. The time is PostgreSQL's, read before the grant looks.

    Calls, which follow after a minute, belong to another sender.
    """
    return world.rows(
        "SELECT a.owner_id::text, m.rank, min(extract(epoch FROM e.at))::float FROM messaging_messageevent e"
        " JOIN messaging_message m ON m.id = e.message_id JOIN alerts_notification n ON n.message_id = m.id"
        " JOIN alerts_sosalert a ON a.id = n.alert_id"
        " WHERE e.state = 'dispatched' AND n.kind = 'sos' AND a.owner_id::text = ANY(%s)"
        " GROUP BY m.id, a.owner_id, m.rank",
        owners,
    )


def _overtaken(grants: list[tuple[str, int, float]], answered: dict[str, float]) -> list[tuple[float, float, float]]:
    """Grants of later contacts made while the message of a first contact waited: (answered, granted, overtaken at).

    The message of a first contact waits, for certain, from the response to the POST (it is committed then) until its
    grant. Grants of one pass have one time, so only a strictly later grant proves that the message was left behind.
    Both clocks are this machine's.
    """
    waits = sorted((answered[owner], at) for owner, rank, at in grants if rank == 0)
    later = sorted({at for _, rank, at in grants if rank > 0})
    return [(since, until, at) for since, until in waits for at in later if since < at < until]
