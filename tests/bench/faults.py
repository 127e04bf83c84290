"""Three hundred messages: how many numbers got no SMS, and how many got two?

Lost replies are 5 %, and 10 % are a 500 with nothing created. One of four worker processes is killed in the middle.
"""

import random
import time

from deploy.local.processes import wait_until
from tests.bench.contenders import Contender
from tests.bench.rows import Figures, count_arrivals, numbers, start_over, wait_for_all

MESSAGES = 300
LATENCY_MS = 300
# Long enough for every retry, and for our look-ups, which wait until no request can still be on its way.
PATIENCE_S, QUIET_S = 60.0, 10.0


def measure(contender: Contender, *, messages: int = MESSAGES, quiet_s: float = QUIET_S) -> Figures:
    with contender.running(pace=0, processes=4):
        wanted = numbers(messages)
        _script(contender, wanted)
        with contender.held():
            contender.submit(wanted)
        wait_until(lambda: contender.sandbox.stats()["messages"] >= messages / 3, timeout_s=30, every_s=0.01)
        contender.kill_a_worker()
        wait_for_all(contender.sandbox, wanted, timeout_s=PATIENCE_S)
        time.sleep(quiet_s)
        arrived = count_arrivals(contender.sandbox, wanted)
    return {
        f"faults, {messages} messages: lost": sum(arrived[number] == 0 for number in wanted),
        f"faults, {messages} messages: double": sum(arrived[number] > 1 for number in wanted),
    }


def _script(contender: Contender, wanted: list[str]) -> None:
    start_over(contender.sandbox, latency_ms=LATENCY_MS)
    struck = random.Random(1).sample(wanted, len(wanted) * 15 // 100)
    lost = len(wanted) * 5 // 100
    for number in struck[:lost]:
        contender.sandbox.behave(to=number, lose_reply=True, times=1)
    for number in struck[lost:]:
        contender.sandbox.behave(to=number, status=500, times=1)
