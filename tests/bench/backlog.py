"""Seconds until the provider has passed on the fifth SMS of an SOS behind 2,000 routine messages at ten a second.

A provider sends in the order of the requests, at the sender's pace. Requests above the pace only wait there, and no
emergency overtakes them (https://www.twilio.com/docs/messaging/guides/scaling-queueing-latency). The worst second shows
who kept the pace.
"""

import statistics
import time

from deploy.local.processes import wait_until
from messaging.sandbox.control import Arrival
from tests.bench.contenders import Contender
from tests.bench.rows import Figures, numbers, wait_for_all, worst_second

BACKLOG = 2_000
CONTACTS = 5
PACE = 10
RUNS = 7
PATIENCE_S = 60.0


def measure(contender: Contender, *, runs: int = RUNS, backlog: int = BACKLOG) -> Figures:
    with contender.running(pace=PACE, processes=1):
        contender.submit(numbers(backlog))
        assert wait_until(lambda: contender.sandbox.stats()["messages"] >= PACE, timeout_s=30)
        presses = [_press(contender) for _ in range(runs)]
        arrivals = contender.sandbox.arrivals()
    passed_on = _passed_on(arrivals)
    taken = [
        max(passed_on.get(number, pressed + PATIENCE_S) for number in wanted) - pressed for wanted, pressed in presses
    ]
    row = f"SOS of {CONTACTS} behind {backlog:,} at {PACE}/s"
    return {
        f"{row}: s": round(statistics.median(taken), 2),
        f"{row}: worst second": worst_second([arrival.at for arrival in arrivals]),
    }


def _press(contender: Contender) -> tuple[list[str], float]:
    """Press; returns the numbers and the time of the press, after all have arrived or after PATIENCE_S."""
    time.sleep(1.5)
    wanted = numbers(CONTACTS)
    press = contender.sos(wanted)
    pressed = time.time()
    press()
    wait_for_all(contender.sandbox, wanted, timeout_s=PATIENCE_S)
    return wanted, pressed


def _passed_on(arrivals: list[Arrival]) -> dict[str, float]:
    """For each number the time at which a provider that sends PACE messages a second, in order of arrival, sends to
    it."""
    found: dict[str, float] = {}
    free_at = 0.0
    for arrival in sorted(arrivals, key=lambda arrival: arrival.at):
        found[arrival.to] = max(arrival.at, free_at)
        free_at = found[arrival.to] + 1 / PACE
    return found
