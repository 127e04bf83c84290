"""A process is killed or frozen exactly at one step of the path of an SOS. Lost 0, double 0, all delivered."""

import signal
import time
from collections import Counter
from uuid import uuid4

import pytest
import requests

from deploy.local.processes import wait_until
from tests.faults.points import POINTS, Points
from tests.world import Person, World

OUT_WITHIN_S = 25.0
FATES = {"killed": signal.SIGKILL, "frozen": signal.SIGSTOP}


def _press_until_accepted(world: World, person: Person) -> None:
    """Press as the app does: without a response ask again with the same Idempotency-Key."""
    headers = {"Idempotency-Key": str(uuid4())}
    position = {"latitude": 42.8746, "longitude": 74.5698}

    def accepted() -> bool:
        try:
            # A new connection each time: the one before may lead to a frozen process.
            headers["Authorization"] = str(person.session.headers["Authorization"])
            answer = requests.post(f"{world.url}/api/v1/sos-alerts/", json=position, headers=headers, timeout=2)
        except requests.RequestException:
            return False
        return answer.status_code == 201

    assert wait_until(accepted, timeout_s=OUT_WITHIN_S), world.logs()


def _two_minutes_pass(world: World, phones: list[str]) -> None:
    """Let the two minutes pass after which the watch looks a message up: its callback died with a process."""
    assert wait_until(lambda: set(world.states(phones)) <= {"accepted", "sent", "delivered"}, timeout_s=10)
    world.execute("UPDATE messaging_message SET due_at = now() WHERE address = ANY(%s) AND final_at IS NULL", phones)


def _strike(world: World, points: Points, point: str, fate: str) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    points.arm(point, FATES[fate])

    with world.supervised():
        _press_until_accepted(world, aida)
        pid, struck_at = points.wait_for_hit(point, timeout_s=20)
        arrivals = world.wait_for_arrivals(phones, timeout_s=60)
        out_s = max(a.at for a in arrivals) - struck_at
        print(f"{point}, {fate}: process {pid} struck, all out after {out_s:.2f} s")
        assert out_s < OUT_WITHIN_S
        if point.startswith("callback"):
            time.sleep(1)
            _two_minutes_pass(world, phones)
        world.wait_for_states(phones, {"delivered": 3}, timeout_s=30)
        _count(world, phones)

        points.thaw()
        time.sleep(2)
        _count(world, phones)
        world.wait_until_ready()


def _count(world: World, phones: list[str]) -> None:
    assert Counter(a.to for a in world.arrivals(phones)) == dict.fromkeys(phones, 1), world.logs()
    assert world.states(phones) == {"delivered": len(phones)}


# One point for each kind of process.
@pytest.mark.parametrize(
    ("point", "fate"),
    [
        ("sos after commit", "killed"),
        ("grant after commit", "killed"),
        ("claim before commit", "frozen"),
        ("record before commit", "killed"),
    ],
)
def test_an_sos_survives(world: World, points: Points, point: str, fate: str) -> None:
    _strike(world, points, point, fate)


@pytest.mark.matrix
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("point", POINTS)
def test_an_sos_survives_at_every_step(world: World, points: Points, point: str, fate: str) -> None:
    _strike(world, points, point, fate)
