"""SOS POSTs a second, each by another person with five contacts, while everything else runs."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from tests.bench.contenders import Ours
from tests.bench.rows import Figures, numbers
from tests.world.crowd import Presser

PEOPLE = 400
CLIENTS = 8
RUNS = 3


def measure(ours: Ours, *, runs: int = RUNS, people: int = PEOPLE) -> Figures:
    with ours.running(pace=0, processes=1):
        found = [_press_all(ours, people) for _ in range(runs)]
    return {
        f"SOS POSTs/s, {CLIENTS} clients, 5 contacts each": round(statistics.median(r[0] for r in found)),
        "SOS POST, ms: median": round(statistics.median(r[1] for r in found), 1),
        "SOS POST, ms: 99th percentile": round(statistics.median(r[2] for r in found), 1),
    }


def _press_all(ours: Ours, count: int) -> tuple[float, float, float]:
    pressers = Presser.with_contacts(ours.world, [numbers(5) for _ in range(count)])
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        took = sorted(clients.map(_timed, pressers))
    elapsed = time.perf_counter() - started
    return count / elapsed, statistics.median(took) * 1000, took[int(len(took) * 0.99)] * 1000


def _timed(presser: Presser) -> float:
    started = time.perf_counter()
    presser.press()
    return time.perf_counter() - started
