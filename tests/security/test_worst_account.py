"""One account does its worst on every endpoint, over real processes, while other people press SOS."""

import statistics

import pytest

from tests.security.worst import attacked, described, presses
from tests.world import World

# Within this many of the quiet median: the goal, checked where nothing else uses the machine.
WITHIN = 1.5
EVERY_S = 0.2
WARM_S = 10


@pytest.mark.matrix
def test_an_sos_stays_quick_while_one_account_does_its_worst_for_a_minute(world: World) -> None:
    """Found: ends of no alert alone took the SOS from 472 to 1951 ms; eight files of 12 MiB from 331 to 2336 ms."""
    quiet, busy = _measured(world, seconds=60)
    assert statistics.median(busy) <= WITHIN * statistics.median(quiet)


def test_every_sos_is_taken_while_one_account_does_its_worst(world: World) -> None:
    """`presses` asserts that each is taken. The medians are printed: other work may share the machine.

    With half of the threads for one person: 272 ms quiet, 4864 ms attacked. With one request at once after a burst: 164
    and 720 ms. Both at a load above 17 on two processors, where the goal of 1.5 times is not reached.
    """
    _measured(world, seconds=10)


def _measured(world: World, *, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds of presses without and with the attack. The quiet ones are half before it and half after it."""
    presses(world, seconds=2, every_s=EVERY_S)
    quiet = presses(world, seconds=seconds / 2, every_s=EVERY_S)
    with attacked(world) as answers:
        # The burst that each account has is over in some seconds.
        presses(world, seconds=WARM_S, every_s=EVERY_S)
        busy = presses(world, seconds=seconds, every_s=EVERY_S)
    quiet += presses(world, seconds=seconds / 2, every_s=EVERY_S)
    print(f"\nquiet: {described(quiet)}\nattacked: {described(busy)}, {answers.total()} requests")
    for (path, status), count in sorted(answers.items()):
        print(f"{count:6} {status} {path}")
    assert any(status == 429 for _, status in answers)
    assert not [asked for asked in answers if asked[1] == 500]
    return quiet, busy
