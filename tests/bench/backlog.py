"""An SOS of five behind 2,000 routine messages at ten a second: until the fifth is out.

The worst second says who kept the sender's pace meanwhile: what overtakes by exceeding it, a carrier drops."""

import statistics
import time

from deploy.local.processes import wait_until
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
        taken = [_press(contender) for _ in range(runs)]
        at = [arrival.at for arrival in contender.sandbox.arrivals()]
    return {
        f"SOS of {CONTACTS} behind {backlog:,} at {PACE}/s: s": round(statistics.median(taken), 2),
        f"SOS of {CONTACTS} behind {backlog:,} at {PACE}/s: worst second": worst_second(at),
    }


def _press(contender: Contender) -> float:
    """`PATIENCE_S` when it was not out by then."""
    time.sleep(1.5)
    wanted = numbers(CONTACTS)
    press = contender.sos(wanted)
    pressed = time.time()
    press()
    reached = wait_for_all(contender.sandbox, wanted, timeout_s=PATIENCE_S)
    return max(reached.values()) - pressed if len(reached) == CONTACTS else PATIENCE_S
