"""Tools of every row: fresh numbers, and the time at which each was reached, by the sandbox's clock."""

from collections import Counter
from typing import Any

from deploy.local.processes import wait_until
from messaging.sandbox.control import SandboxControl
from tests.world.people import fresh_number

Figures = dict[str, float]


def numbers(count: int) -> list[str]:
    return [fresh_number() for _ in range(count)]


def start_over(sandbox: SandboxControl, **behaviour: Any) -> None:
    """Forget all arrivals, switch callbacks off for everyone, and set this behaviour of the sandbox."""
    sandbox.reset()
    sandbox.behave(callbacks=False, **behaviour)


def wait_for_all(sandbox: SandboxControl, wanted: list[str], *, timeout_s: float) -> dict[str, float]:
    """Wait until every number has an arrival; returns the Unix time of the first one of each.

    After the timeout returns those that have arrived.
    """
    found: dict[str, float] = {}

    def complete() -> bool:
        # Counting is cheap, so arrivals are read only when there may be enough of them.
        return sandbox.stats()["messages"] >= len(wanted) and len(look()) == len(wanted)

    def look() -> dict[str, float]:
        ours = set(wanted)
        found.clear()
        for arrival in sandbox.arrivals():
            if arrival.to in ours:
                found.setdefault(arrival.to, arrival.at)
        return found

    wait_until(complete, timeout_s=timeout_s, every_s=0.1)
    return dict(look())


def count_arrivals(sandbox: SandboxControl, wanted: list[str]) -> Counter[str]:
    ours = set(wanted)
    return Counter(arrival.to for arrival in sandbox.arrivals() if arrival.to in ours)


def worst_second(at: list[float]) -> int:
    """The most arrivals in any window of one second."""
    at = sorted(at)
    worst = first = 0
    for last, moment in enumerate(at):
        while at[first] <= moment - 1:
            first += 1
        worst = max(worst, last - first + 1)
    return worst
