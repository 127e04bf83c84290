"""What one key has to wait for delays no other."""

import threading

from config.apart import Apart
from deploy.local.processes import wait_until

SLOW, QUICK = "slow", "quick"


def test_a_slow_one_is_not_begun_again_and_delays_no_other() -> None:
    answered = threading.Event()
    begun: list[str] = []

    def look_up(key: str) -> None:
        begun.append(key)
        if key == SLOW:
            answered.wait(20)

    passes = Apart(lambda: [SLOW, QUICK], look_up)
    try:
        for count in range(1, 4):
            passes()
            assert wait_until(lambda: begun.count(QUICK) >= count, timeout_s=5)  # noqa: B023 asked at once
            assert wait_until(lambda: QUICK not in passes.at_it, timeout_s=5)
        assert begun.count(SLOW) == 1
    finally:
        answered.set()
    assert wait_until(lambda: not passes.at_it, timeout_s=5)
    passes()
    assert wait_until(lambda: begun.count(SLOW) == 2, timeout_s=5)


def test_a_pass_that_fails_is_begun_again() -> None:
    begun: list[str] = []

    def fail(key: str) -> None:
        begun.append(key)
        raise ValueError

    passes = Apart(lambda: [SLOW], fail)
    for count in (1, 2):
        passes()
        assert wait_until(lambda: len(begun) == count and not passes.at_it, timeout_s=5)  # noqa: B023
