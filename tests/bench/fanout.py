"""Milliseconds from handing over urgent messages until the provider, which takes 500 ms for each, has answered for the
last.

The peers commit rows and publish their tasks; AlertMe commits rows and a notice. `from_the_post` measures AlertMe's
whole way: the POST of a person with authentication, the alert, its texts and its commit come first.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

from tests.bench.contenders import Contender, Ours
from tests.bench.rows import Figures, numbers, start_over, wait_for_all

LATENCY_MS = 500
RUNS = 15
# Presses before the measured ones, which fill caches and open connections.
WARM_UP = 12


def measure(contender: Contender, *, runs: int = RUNS, warm_up: int = WARM_UP) -> Figures:
    def handed_over(wanted: list[str]) -> Callable[[], object]:
        return partial(contender.hand_over, wanted)

    return _measure(contender, handed_over, runs=runs, warm_up=warm_up, name="fan-out")


def from_the_post(ours: Ours, *, runs: int = RUNS, warm_up: int = WARM_UP) -> Figures:
    return _measure(ours, ours.sos, runs=runs, warm_up=warm_up, name="fan-out from the POST")


def _measure(
    contender: Contender, prepare: Callable[[list[str]], Callable[[], object]], *, runs: int, warm_up: int, name: str
) -> Figures:
    found: Figures = {}
    with contender.running(pace=0, processes=1):
        for _ in range(warm_up):
            _last(contender, prepare, 5)
        for contacts in (5, 50):
            median = statistics.median(_last(contender, prepare, contacts) for _ in range(runs))
            found[f"{name}, {contacts} contacts: ms"] = round(median)
            found[f"{name}, {contacts} contacts: times the provider's"] = round(median / LATENCY_MS, 3)
    return found


def _last(contender: Contender, prepare: Callable[[list[str]], Callable[[], object]], contacts: int) -> float:
    start_over(contender.sandbox, latency_ms=LATENCY_MS)
    wanted = numbers(contacts)
    begin = prepare(wanted)
    begun = time.time()
    begin()
    reached = wait_for_all(contender.sandbox, wanted, timeout_s=60)
    assert len(reached) == contacts, f"{contender.name} reached {len(reached)} of {contacts}"
    time.sleep(LATENCY_MS / 1000 + 0.2)  # Wait until all replies are in, so that the next press starts from rest.
    return (max(reached.values()) - begun) * 1000 + LATENCY_MS
