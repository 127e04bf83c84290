"""Ten messages a second over four worker processes with a backlog: the part of the pace that is used, and the worst
second."""

import statistics
import time

from tests.bench.contenders import Contender
from tests.bench.rows import Figures, numbers, worst_second

PACE = 10
BACKLOG = 600
RUNS = 3
# The first seconds do not count for the part used, but they count for the worst second.
SETTLE_S, WINDOW_S = 2.0, 20.0


def measure(contender: Contender, *, runs: int = RUNS, window_s: float = WINDOW_S) -> Figures:
    taken = [_run(contender, window_s) for _ in range(runs)]
    return {
        f"paced at {PACE}/s over 4 processes: used, %": round(statistics.median(t[0] for t in taken), 1),
        f"paced at {PACE}/s over 4 processes: worst second": statistics.median(t[1] for t in taken),
    }


def _run(contender: Contender, window_s: float) -> tuple[float, int]:
    with contender.running(pace=PACE, processes=4):
        contender.submit(numbers(BACKLOG))
        time.sleep(SETTLE_S + window_s + 1)
        at = [arrival.at for arrival in contender.sandbox.arrivals()]
    if not at:
        return 0.0, 0
    start = min(at) + SETTLE_S
    used = sum(start <= moment < start + window_s for moment in at) / (PACE * window_s)
    return used * 100, worst_second(at)
