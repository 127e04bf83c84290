"""People who press SOS while an account does its worst (attacker.py)."""

import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.environment import ROOT
from tests.world import World
from tests.world.crowd import Presser
from tests.world.people import fresh_number

CONTACTS = 5


@contextmanager
def attacked(world: World) -> Iterator[Counter[tuple[str, int]]]:
    """An account attacks during the block, from a process of its own. Yields what it was answered, by path and status.

    The answers are there after the block.
    """
    [presser] = Presser.with_contacts(world, [[fresh_number() for _ in range(CONTACTS)]])
    alert = presser.session.post(f"{world.url}/api/v1/sos-alerts/", json={}, timeout=30).json()["id"]
    authorization = str(presser.session.headers["Authorization"])
    command = [sys.executable, "-m", "tests.security.attacker", world.url, authorization, alert]
    answers: Counter[tuple[str, int]] = Counter()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield answers
        finally:
            output, _ = process.communicate()
    answers.update({(path, status): count for path, status, count in json.loads(output)})


def presses(world: World, *, seconds: float, every_s: float) -> list[float]:
    """Milliseconds of each press: other people, one after the other, each with contacts of their own."""
    people = Presser.with_contacts(
        world, [[fresh_number() for _ in range(CONTACTS)] for _ in range(int(seconds / every_s))]
    )
    took, began = [], time.perf_counter()
    for number, presser in enumerate(people):
        time.sleep(max(0.0, began + number * every_s - time.perf_counter()))
        pressed = time.perf_counter()
        presser.press()
        took.append((time.perf_counter() - pressed) * 1000)
        if time.perf_counter() - began > seconds:
            break
    return took


def described(took: list[float]) -> str:
    ordered = sorted(took)
    worst = ordered[int(len(ordered) * 0.95)]
    return f"median {statistics.median(took):.0f} ms, 95 % {worst:.0f} ms, {len(took)} presses"
