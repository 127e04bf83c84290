"""From the moment a person presses until the provider has answered for the last contact; it takes 500 ms for each.

Ours includes the whole POST: authentication, the alert, its commit. The peers only publish their tasks."""

import statistics
import time

from tests.bench.contenders import Contender
from tests.bench.rows import Figures, numbers, start_over, wait_for_all

LATENCY_MS = 500
RUNS = 9


def measure(contender: Contender, *, runs: int = RUNS) -> Figures:
    found: Figures = {}
    with contender.running(pace=0, processes=1):
        _press(contender, 5)  # The first one warms what is warmed by use alone.
        for contacts in (5, 50):
            median = statistics.median(_press(contender, contacts) for _ in range(runs))
            found[f"fan-out of {contacts}, ms (provider {LATENCY_MS})"] = round(median)
            found[f"fan-out of {contacts}, times the provider's latency"] = round(median / LATENCY_MS, 3)
    return found


def _press(contender: Contender, contacts: int) -> float:
    start_over(contender.sandbox, latency_ms=LATENCY_MS)
    wanted = numbers(contacts)
    press = contender.sos(wanted)
    pressed = time.time()
    press()
    reached = wait_for_all(contender.sandbox, wanted, timeout_s=60)
    assert len(reached) == contacts, f"{contender.name} reached {len(reached)} of {contacts}"
    time.sleep(LATENCY_MS / 1000 + 0.2)  # Until all replies are in: the next one starts from rest.
    return (max(reached.values()) - pressed) * 1000 + LATENCY_MS
