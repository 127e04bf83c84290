"""Makes each response with a PIN take a whole number of STEP_S, so that its time does not tell which PIN was typed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from threading import BoundedSemaphore

from django.conf import settings

from identity.errors import Busy

# Several times as long as checking a PIN and carrying out its request take.
STEP_S = 0.25

# Threads of a process that wait for the end of their step: at most a quarter, so that an SOS finds a thread.
_waiting = BoundedSemaphore(max(1, settings.WEB_THREADS // 4))


class EndsBusy(Busy):
    code = "ends_busy"
    detail = "Too many PINs are being checked at this moment. Try again."
    retry_after_s = 1


@contextmanager
def in_steps(wanted: bool) -> Iterator[None]:
    """Make the `with` block last a whole number of STEP_S, also if it raises. If not `wanted`, do nothing.

    Raises EndsBusy before the block while a quarter of the process's web threads are in one, whichever PIN was typed.
    Do checks that need no PIN before the block, for example whether the alert is the person's.
    """
    if not wanted:
        yield
        return
    if not _waiting.acquire(blocking=False):
        raise EndsBusy
    entered = time.monotonic()
    try:
        yield
    finally:
        leave(_waiting, entered)


def leave(threads: BoundedSemaphore, entered: float) -> None:
    """Sleep until a whole number of STEP_S has passed since `entered` (time.monotonic()), then release `threads`."""
    try:
        taken = time.monotonic() - entered
        time.sleep(ceil(taken / STEP_S) * STEP_S - taken)
    finally:
        threads.release()
