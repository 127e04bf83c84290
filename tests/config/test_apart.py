"""Work for one key never delays work for another key."""

import threading

import pytest

from config.apart import Apart
from deploy.local.processes import wait_until

SLOW, QUICK = "slow", "quick"


def test_a_slow_pass_is_not_begun_twice_and_delays_no_other() -> None:
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
            assert wait_until(lambda: QUICK not in passes.running, timeout_s=5)
        assert begun.count(SLOW) == 1
    finally:
        answered.set()
    assert wait_until(lambda: not passes.running, timeout_s=5)
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
        assert wait_until(lambda: len(begun) == count and not passes.running, timeout_s=5)  # noqa: B023


def test_a_pass_that_found_no_free_thread_is_begun_later(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    passes = Apart(lambda: [QUICK], begun.append)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", _no_thread_left)
        with pytest.raises(RuntimeError):
            passes()
    passes()
    assert wait_until(lambda: begun == [QUICK], timeout_s=5)


def _no_thread_left(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
