"""From outside nobody can tell which PIN was typed: many ends with each PIN, compared byte by byte and by their times.

Other work shares the machine, so the two kinds alternate, and the verdict is a permutation test on ranks. It asks
whether the kinds differ, not how fast or how even the machine is.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import pytest
from django.db import connection

from identity.pins import even_timing
from messaging.states import State
from tests.alerts.engine import drive
from tests.alerts.sos.twins import Twin, make_twins, masked

ENDS = 200
AT_ONCE = 4
# One run in ten thousand may fail by chance. A difference of a third of the spread is found all the same.
ALPHA = 1e-4

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("count", [40, pytest.param(ENDS, marks=pytest.mark.matrix)])
def test_ends_with_either_pin_look_alike(count: int) -> None:
    people = [twin for place in range(AT_ONCE) for twin in make_twins("Aida", "Bek", district=place)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pairs = [(people[2 * place], people[2 * place + 1]) for place in range(AT_ONCE)]
        ends = [end for found in pool.map(partial(_end_again_and_again, count // AT_ONCE), pairs) for end in found]
    safe = [end for end in ends if not end[0]]
    duress = [end for end in ends if end[0]]
    assert len(safe) == len(duress) == count
    assert len({answer for _, answer, _ in ends}) == 1
    times = [took for *_, took in safe], [took for *_, took in duress]
    medians = [round(1000 * median(some), 2) for some in times]
    p = chance(*times)
    print(f"median of {count} safe ends {medians[0]} ms, duress ends {medians[1]} ms, p = {p:.4f}")
    assert p > ALPHA, f"the times differ: medians {medians} ms, p = {p}"
    assert min(times[0] + times[1]) >= even_timing.STEP_S


def _end_again_and_again(count: int, pair: tuple[Twin, Twin]) -> list[tuple[bool, str, float]]:
    """For each end whether it was under duress, its response and the seconds it took."""
    try:
        return [_end(twin, is_duress=place == 1) for _ in range(count) for place, twin in enumerate(pair)]
    finally:
        connection.close()


def _end(twin: Twin, *, is_duress: bool) -> tuple[bool, str, float]:
    twin.forget()
    twin.press(latitude=42.87, longitude=74.57)
    drive(twin.messages()[0], State.SENT)
    began = time.perf_counter()
    answer = twin.end()
    took = time.perf_counter() - began
    assert answer.status_code == 200
    return is_duress, masked(answer), took


def chance(one: Sequence[float], other: Sequence[float], *, shuffles: int = 20_000) -> float:
    """How often chance alone puts the mean ranks of two samples as far apart as these are."""
    ranks = {took: rank for rank, took in enumerate(sorted((*one, *other)))}
    ranked = [ranks[took] for took in (*one, *other)]
    middle = sum(ranked) / 2
    found = abs(sum(ranked[: len(one)]) - middle)
    dice = random.Random(4)
    further = sum(abs(sum(dice.sample(ranked, len(one))) - middle) >= found for _ in range(shuffles))
    return (further + 1) / (shuffles + 1)


def test_the_verdict_finds_a_difference_of_a_third_of_the_spread() -> None:
    dice = random.Random(1)
    one = [dice.gauss(250, 3) for _ in range(ENDS)]
    assert chance(one, [dice.gauss(250, 3) for _ in range(ENDS)]) > ALPHA
    assert chance(one, [dice.gauss(251.7, 3) for _ in range(ENDS)]) <= ALPHA
