"""Unpaced messages a second through one worker process, and the processor time they cost."""

import statistics
import time

from tests.bench.contenders import Contender
from tests.bench.rows import Figures, numbers, start_over, wait_for_all

MESSAGES = 3_000
RUNS = 3


def measure(contender: Contender, *, runs: int = RUNS, messages: int = MESSAGES) -> Figures:
    """Queue all messages before the worker begins, then measure from the first arrival to the last."""
    with contender.running(pace=0, processes=1):
        taken = [_send(contender, messages) for _ in range(runs)]
    return {
        "unpaced messages/s, one worker process": round(statistics.median(t[0] for t in taken)),
        "worker CPU s per 1,000 messages": round(statistics.median(t[1] for t in taken), 3),
    }


def _send(contender: Contender, messages: int) -> tuple[float, float]:
    start_over(contender.sandbox)
    wanted = numbers(messages)
    with contender.held():
        contender.submit(wanted)
        before = contender.worker_cpu_s()
    reached = wait_for_all(contender.sandbox, wanted, timeout_s=120)
    assert len(reached) == messages, f"{contender.name} sent {len(reached)} of {messages}"
    time.sleep(0.5)  # The work after the last arrival counts too.
    spent = contender.worker_cpu_s() - before
    return messages / (max(reached.values()) - min(reached.values())), spent / messages * 1000
