"""`make faults`: every fault under load, with every message counted. Lost 0, double 0."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from string import ascii_uppercase

import pytest

from deploy.local.processes import wait_until
from tests.faults.faults import FAULTS
from tests.world import Person, World

pytestmark = pytest.mark.matrix

PEOPLE, CONTACTS = 12, 3


def _crowd(world: World) -> tuple[list[Person], list[str]]:
    people = []
    for _ in range(PEOPLE):
        world.execute("DELETE FROM identity_ratecount")
        person = world.new_person("Aida")
        person.add_contacts(*(f"Contact {letter}" for letter in ascii_uppercase[:CONTACTS]))
        people.append(person)
    return people, [c.phone for p in people for c in p.contacts]


def _press(person: Person) -> tuple[int, float]:
    started = time.perf_counter()
    return person.press_sos().status_code, time.perf_counter() - started


def _count(world: World, phones: list[str], *, timeout_s: float = 90) -> None:
    """Assert that every phone has one SMS and every message has ended."""
    assert wait_until(lambda: world.states(phones)["delivered"] == len(phones), timeout_s=timeout_s), (
        f"{world.states(phones)}\n{world.logs()}"
    )
    arrived = Counter(a.to for a in world.arrivals(phones))
    assert not [p for p in phones if arrived[p] == 0]
    assert not [p for p in phones if arrived[p] > 1]


@pytest.mark.parametrize("moment", ["before", "during"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_crowd_presses_around_a_fault(world: World, fault: str, moment: str) -> None:
    """`before`: the fault lasts already when they press. `during`: it strikes while their messages are on the way."""
    people, phones = _crowd(world)
    world.pace(20)
    with ThreadPoolExecutor(PEOPLE) as threads, ExitStack() as lasting:
        if moment == "before":
            lasting.enter_context(FAULTS[fault](world))
        presses = [threads.submit(_press, person) for person in people]
        answers = [press.result() for press in presses]
        if moment == "during":
            assert wait_until(lambda: len(world.arrivals(phones)) >= PEOPLE // 2, timeout_s=30)
            lasting.enter_context(FAULTS[fault](world))
        assert {status for status, _ in answers} == {201}
        wait_until(lambda: len(world.arrivals(phones)) == len(phones), timeout_s=40)
    world.wait_until_ready()
    _count(world, phones)


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_presses_through_chaos(world: World, seed: int) -> None:
    """Faults follow one another at random, and replies are lost and refused, while everybody presses."""
    rng = random.Random(seed)
    people, phones = _crowd(world)
    world.pace(20)
    world.sandbox.behave(lose_reply=True, times=4)
    world.sandbox.behave(status=503, times=3)
    world.sandbox.behave(status=429, retry_after_s=1, times=3)
    with ThreadPoolExecutor(PEOPLE) as threads:
        presses = [threads.submit(_press, person) for person in people]
        for _ in range(3):
            with FAULTS[rng.choice(sorted(FAULTS))](world):
                time.sleep(rng.uniform(0.5, 3))
        assert {press.result()[0] for press in presses} == {201}
    world.wait_until_ready()
    _count(world, phones)
