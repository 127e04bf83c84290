"""Twilio is away for a while with a backlog waiting. Afterwards everything arrives, at pace, emergencies first."""

import bisect
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import pytest

from messaging.sandbox.control import Arrival
from tests.faults.faults import scripted
from tests.faults.line import Line
from tests.world import Person, World

PACE = 20
# A second that begins inside a slot holds one more, and the jitter of the machine adds another.
WORST_SECOND = PACE + 2

# Each outage, and the seconds after its end by which the last emergency must have left: after a refusal a backoff;
# after a 500 a look-up 5 s later; after a hanging request its deadline and a look-up 5 s later. With dripping replies
# the messages were created at once.
OUTAGES: dict[str, tuple[Callable[[World, Line], AbstractContextManager[None]], float]] = {
    "refused": (lambda world, line: line.faulty("refused"), 5 + 2),
    "500s": (lambda world, line: scripted(world, status=500), 5 + 3),
    "hangs": (lambda world, line: scripted(world, hang=True, created=False), 13 + 5 + 3),
    # A byte now and then of 260 replies at once. If they came more often, the machine would be late, not the sender.
    "dripping": (lambda world, line: scripted(world, drip_ms=500), 2),
}

# Counts the routine messages granted while an emergency that was due waited for its grant.
_OVERTAKEN = """
SELECT count(*) FROM messaging_messageevent waiting
JOIN messaging_message urgent ON urgent.id = waiting.message_id AND urgent.message_class = 0
JOIN messaging_messageevent granted ON granted.id = (
    SELECT min(e.id) FROM messaging_messageevent e
    WHERE e.message_id = urgent.id AND e.state = 'dispatched' AND e.id > waiting.id)
JOIN messaging_messageevent other ON other.state = 'dispatched' AND other.at < granted.at
    AND other.at > waiting.at + interval '0.5 s'
JOIN messaging_message routine ON routine.id = other.message_id AND routine.message_class = 3
WHERE waiting.state = 'queued' AND waiting.error_code IN ('', 'not_created') AND urgent.address = ANY(%s)
"""


def _sit_out(world: World, line: Line, kind: str, *, lasts_s: float, count: int) -> None:
    outage, emergencies_after_s = OUTAGES[kind]
    early, late = _people(world)
    contacts = [c.phone for p in (early, late) for c in p.contacts]
    world.pace(PACE)
    with ExitStack() as lasting:
        lasting.enter_context(outage(world, line))
        letters = world.queue_routine(count - len(contacts))
        assert early.press_sos().status_code == 201
        time.sleep(lasts_s / 2)
        assert late.press_sos().status_code == 201
        time.sleep(lasts_s / 2)
    over = time.time()

    told = world.wait_for_arrivals(contacts, timeout_s=60)
    everyone = [*contacts, *letters]
    world.wait_for_states(everyone, {"delivered": count}, timeout_s=150)
    # Calls follow an SOS after a minute and are not counted.
    arrived = [arrival for arrival in world.arrivals(everyone) if arrival.sid.startswith("SM")]
    last, worst = max(a.at for a in told) - over, _worst_second(arrived)
    print(
        f"{kind} for {lasts_s} s: last emergency {last:.1f} s after its end, last of {count} "
        f"{max(a.at for a in arrived) - over:.1f} s, worst second {worst} of {PACE}"
    )
    assert Counter(a.to for a in arrived) == dict.fromkeys(everyone, 1)
    assert worst <= WORST_SECOND
    assert last < emergencies_after_s
    assert world.rows(_OVERTAKEN, contacts) == [(0,)]


def _people(world: World) -> tuple[Person, Person]:
    early, late = world.new_person("Aida"), world.new_person("Bek")
    for person in (early, late):
        person.add_contacts("Cholpon", "Daniyar", "Elnura")
    return early, late


def _worst_second(arrived: list[Arrival]) -> int:
    at = sorted(a.at for a in arrived)
    return max(bisect.bisect_left(at, start + 1) - place for place, start in enumerate(at))


def test_an_outage_of_seconds(world: World, twilio: Line) -> None:
    _sit_out(world, twilio, "500s", lasts_s=6, count=60)


@pytest.mark.matrix
@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_of_a_minute_with_300_waiting(world: World, twilio: Line, kind: str) -> None:
    _sit_out(world, twilio, kind, lasts_s=60, count=300)
