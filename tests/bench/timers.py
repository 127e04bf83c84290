"""Activity timers: how late those of a burst and those of a steady load fire, and the cost of looking for due ones."""

import statistics
from datetime import UTC, datetime
from uuid import UUID

from alerts.timers import expiry
from deploy.local.processes import wait_until
from tests.bench.contenders import Ours
from tests.bench.rows import Figures, numbers
from tests.world import World
from tests.world.crowd import Presser
from tests.world.timers import Lateness, arm, lateness

ARMED = (1_000, 10_000, 100_000)
BURST = 5_000
STEADY_PER_S, STEADY_S = 5, 20
# Time enough to write all timers before the first is due.
DUE_IN_S = 2.0
_NEVER_S = 30 * 86_400.0
_LOOKS = 51


def measure(ours: Ours, *, armed: tuple[int, ...] = ARMED, burst: int = BURST, steady_s: int = STEADY_S) -> Figures:
    found: Figures = {}
    world = ours.world
    [somebody] = _people(world, 1)
    with ours.running(pace=0, processes=1):
        try:
            for before, count in zip((0, *armed), armed, strict=False):
                arm(world, [somebody] * (count - before), [_NEVER_S] * (count - before))
                world.execute("ANALYZE alerts_activitytimer")
                found[f"timers: a look for due ones, {count:,} armed: ms"] = round(_look_ms(world), 3)
            steady = _run_out(world, [n / STEADY_PER_S for n in range(STEADY_PER_S * steady_s)])
            found |= _entered(f"timers, {STEADY_PER_S}/s, {armed[-1]:,} armed", steady)
            found |= _entered(f"timers, {burst:,} in a second", _run_out(world, [n / burst for n in range(burst)]))
        finally:
            world.execute("DELETE FROM alerts_activitytimer WHERE owner_id = %s", somebody)
    return found


def _people(world: World, count: int) -> list[UUID]:
    return [presser.person for presser in Presser.with_contacts(world, [numbers(1) for _ in range(count)])]


def _look_ms(world: World) -> float:
    """Milliseconds in the database for one look, which each scheduler takes several times a second."""
    statement, parameters = expiry.due_timers(datetime.now(UTC))[:1].query.sql_with_params()
    looks = [world.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters)[0][0][0] for _ in range(_LOOKS)]
    return statistics.median(float(look["Planning Time"] + look["Execution Time"]) for look in looks)


def _run_out(world: World, due_after_s: list[float]) -> Lateness:
    people = _people(world, len(due_after_s))
    arm(world, people, [DUE_IN_S + after_s for after_s in due_after_s])
    timeout_s = due_after_s[-1] + 180
    assert wait_until(lambda: lateness(world, people).fired == len(people), timeout_s=timeout_s, every_s=0.5)
    return lateness(world, people)


def _entered(name: str, late: Lateness) -> Figures:
    return {
        f"{name}: median late, s": round(late.median_s, 3),
        f"{name}: p99 late, s": round(late.p99_s, 3),
        f"{name}: worst late, s": round(late.worst_s, 3),
    }
