"""Many timers run out at once while one scheduler is killed and the other is frozen: one alert each."""

import time

import pytest

from deploy.local.processes import wait_until
from tests.bench.rows import numbers
from tests.world import World, timers
from tests.world.crowd import Presser

DUE_IN_S = 2.0
_ALERTS = "SELECT count(*), count(DISTINCT owner_id) FROM alerts_sosalert WHERE owner_id = ANY(%s)"
_TOLD = (
    "SELECT count(*) FROM alerts_notification n JOIN alerts_sosalert a ON a.id = n.alert_id"
    " WHERE n.kind = 'sos' AND a.owner_id = ANY(%s)"
)


def _run_out(world: World, *, armed: int, due: int, breaking: bool, timeout_s: float) -> float:
    """Returns the 99th percentile of the lateness, in seconds."""
    people = [presser.person for presser in Presser.with_contacts(world, [numbers(1) for _ in range(due)])]
    timers.arm(world, [people[0]] * (armed - due), [86_400.0] * (armed - due))
    # The timers end within one second.
    timers.arm(world, people, [DUE_IN_S + place / due for place in range(due)])
    if breaking:
        time.sleep(DUE_IN_S + 0.5)
        world.processes["scheduler-1"].kill()
        world.processes["scheduler-2"].freeze()
        time.sleep(3)
        world.processes["scheduler-2"].thaw()
        world.processes["scheduler-1"].start()
    assert wait_until(lambda: timers.lateness(world, people).fired == due, timeout_s=timeout_s), world.logs()
    late = timers.lateness(world, people)
    print(f"{armed} armed, {due} due in a second: lateness median {late.median_s:.2f} s, p99 {late.p99_s:.2f} s")
    assert world.rows(_ALERTS, people) == [(due, due)]
    assert world.rows(_TOLD, people) == [(due,)]
    return late.p99_s


def test_timers_run_out_with_one_scheduler_killed_and_one_frozen(world: World) -> None:
    _run_out(world, armed=500, due=50, breaking=True, timeout_s=30)


@pytest.mark.matrix
def test_five_thousand_of_a_hundred_thousand_run_out_in_a_second(world: World) -> None:
    world.pace(0)
    _run_out(world, armed=100_000, due=5_000, breaking=True, timeout_s=300)


@pytest.mark.matrix
@pytest.mark.parametrize("armed", [1_000, 10_000, 100_000])
def test_lateness_does_not_grow_with_the_armed(world: World, armed: int) -> None:
    assert _run_out(world, armed=armed, due=20, breaking=False, timeout_s=30) < 1.5
