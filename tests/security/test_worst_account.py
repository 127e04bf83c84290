"""One account does its worst on every endpoint, over real processes, while other people press SOS."""

import statistics

import pytest

from tests.security.worst import Attacker, described, presses
from tests.world import World

# Within this many of the quiet median.
WITHIN = 1.5
EVERY_S = 0.2


@pytest.mark.parametrize("seconds", [15, pytest.param(60, marks=pytest.mark.matrix)])
def test_an_sos_stays_quick_while_one_account_does_its_worst(world: World, seconds: int) -> None:
    """Found: ends of no alert alone took the SOS from 472 to 1951 ms; eight files of 12 MiB from 331 to 2336 ms."""
    presses(world, seconds=2, every_s=EVERY_S)
    quiet = presses(world, seconds=seconds, every_s=EVERY_S)
    attacker = Attacker.of(world)
    with attacker.attacking():
        busy = presses(world, seconds=seconds, every_s=EVERY_S)
    print(f"\nquiet: {described(quiet)}\nattacked: {described(busy)}, {attacker.answers.total()} requests")
    for (path, status), count in sorted(attacker.answers.items()):
        print(f"{count:6} {status} {path}")
    assert not [asked for asked in attacker.answers if asked[1] == 500]
    assert statistics.median(busy) <= WITHIN * statistics.median(quiet)
