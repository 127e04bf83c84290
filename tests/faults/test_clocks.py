"""Wall clocks that are five seconds off change nothing: processes compare PostgreSQL's times."""

import itertools
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests

from deploy.local.processes import descendants, wait_until
from tests.world import Person, World
from tests.world.installation import SCHEDULERS, WORKERS
from tests.world.people import fresh_number

# The other half of the processes is as far off on the other side: ten seconds between any two that meet.
SHIFTS = {
    "workers ahead": dict.fromkeys(WORKERS, 5.0) | {"scheduler-1": -5.0, "web": -5.0},
    "workers behind": dict.fromkeys(WORKERS, -5.0) | {"scheduler-1": 5.0, "web": 5.0},
}


@pytest.fixture(
    scope="module", params=["workers ahead", pytest.param("workers behind", marks=pytest.mark.matrix)], autouse=True
)
def shifts(installation: World, request: pytest.FixtureRequest) -> Iterator[dict[str, float]]:
    installation.settle()
    chosen = SHIFTS[request.param]
    with installation.with_clocks(chosen):
        yield chosen


def test_their_clocks_are_off(world: World, shifts: dict[str, float]) -> None:
    """Without this the other tests of the module would prove nothing. The web tells its time; the others load the
    same library."""
    told = parsedate_to_datetime(requests.get(f"{world.url}/healthz", timeout=10).headers["Date"]).timestamp()
    assert told - time.time() == pytest.approx(shifts["web"], abs=2)
    for name, seconds in shifts.items():
        for pid in [world.processes[name].pid, *descendants(world.processes[name].pid)]:
            process = Path(f"/proc/{pid}")
            assert "libfaketime" in (process / "maps").read_text()
            assert f"FAKETIME={seconds:+f}s".encode() in (process / "environ").read_bytes().split(b"\0")


def test_an_sos_overtakes_a_backlog_and_the_pace_is_held(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    # Under libfaketime a process costs three times the processor time: callbacks would take what the workers need.
    world.sandbox.behave(callbacks=False)
    world.pace(10)
    letters = world.queue_routine(50)
    assert wait_until(lambda: len(world.arrivals(letters)) >= 10, timeout_s=20)

    pressed = time.time()
    assert aida.press_sos().status_code == 201
    arrivals = world.wait_for_arrivals(phones, timeout_s=20)
    assert max(a.at for a in arrivals) - pressed < 2

    world.wait_for_states(phones + letters, {"accepted": 53}, timeout_s=40)
    at = sorted(a.at for a in world.arrivals(phones + letters))
    assert len(at) == 53
    # A clock five seconds off would let fifty messages through at once, or stop all for five seconds. test_pace.py
    # shows how exactly the pace is kept and used: here the slow processes come late, by over a slot.
    assert max(sum(1 for other in at if start <= other < start + 1) for start in at) <= 14
    assert max(later - earlier for earlier, later in itertools.pairwise(at)) < 3
    assert world.deliverers(phones + letters) == {"worker": 53}


def test_a_code_is_valid_until_it_expires_and_never_sent_after(world: World) -> None:
    aida = Person(world, fresh_number(), "Aida")
    bek = Person(world, fresh_number(), "Bek")
    with world.frozen(*WORKERS, *SCHEDULERS):
        for person in (aida, bek):
            assert person.register().ok
        # By the shifted clocks one code has expired and the other has not. By PostgreSQL's clock it is the other way
        # round.
        for person, left_s in ((aida, 4), (bek, -1)):
            world.execute(
                "UPDATE messaging_message SET deadline_at = now() + %s * interval '1 s' WHERE address = %s",
                left_s,
                person.phone,
            )
    world.wait_for_states([bek.phone], {"expired": 1})
    aida.verify()
    assert aida.get("me/").ok
    [code] = world.arrivals([aida.phone, bek.phone])
    assert code.validity_s is not None
    assert 1 <= code.validity_s <= 4
