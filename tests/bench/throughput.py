"""Unpaced messages a second, and the processor time they cost the workers."""

import os
import statistics
from pathlib import Path

from deploy.local.processes import descendants, wait_until
from tests.world import World

MESSAGES = 3_000
RUNS = 3
TICKS = os.sysconf("SC_CLK_TCK")


def measure(world: World, *, runs: int = RUNS, messages: int = MESSAGES) -> dict[str, object]:
    """From the first grant to the last acceptance, with no callbacks; CPU of the worker and the scheduler processes."""
    took = [_send(world, messages) for _ in range(runs)]
    return {
        "unpaced messages/s, one worker process: median": round(statistics.median(r[0] for r in took)),
        "worker CPU s per 1,000 messages: median": round(statistics.median(r[1] for r in took), 3),
        "scheduler CPU s per 1,000 messages: median": round(statistics.median(r[2] for r in took), 3),
    }


def _send(world: World, messages: int) -> tuple[float, float, float]:
    world.settle()
    world.sandbox.behave(callbacks=False)
    # Granted only once all are queued.
    world.execute("UPDATE messaging_sender SET next_free_at = now() + interval '1 hour', segments_per_second = 1")
    phones = world.queue_routine(messages)
    worker, schedulers = ["worker-messages"], ["scheduler-1", "scheduler-2"]
    before = _cpu_s(world, worker), _cpu_s(world, schedulers)
    world.pace(0)
    assert wait_until(lambda: world.states(phones)["accepted"] == messages, timeout_s=120, every_s=0.25), world.logs()
    spent = _cpu_s(world, worker) - before[0], _cpu_s(world, schedulers) - before[1]
    [(took,)] = world.rows(
        "SELECT extract(epoch FROM max(e.at) FILTER (WHERE e.state = 'accepted')"
        " - min(e.at) FILTER (WHERE e.state = 'dispatched'))::float"
        " FROM messaging_messageevent e JOIN messaging_message m ON m.id = e.message_id WHERE m.address = ANY(%s)",
        phones,
    )
    return messages / took, spent[0] / messages * 1000, spent[1] / messages * 1000


def _cpu_s(world: World, names: list[str]) -> float:
    """User and system time so far of these processes and their children."""
    total = 0
    for name in names:
        pid = world.processes[name].pid
        for member in (pid, *descendants(pid)):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS
