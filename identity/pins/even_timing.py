"""Evens out response times: how long a response takes must not tell which PIN was typed."""

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
    """Leave the block, also by an exception, only a whole number of STEP_S after entering it, if `wanted`.

    Raises EndsBusy at once, before the block, while a quarter of the threads are in such blocks: the refusal depends on
    nothing that the block does. Check first what needs no secret, for example whose the alert is.
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
    """Wait for the end of the step that began at `entered`, then free the place among the `threads`."""
    try:
        taken = time.monotonic() - entered
        time.sleep(ceil(taken / STEP_S) * STEP_S - taken)
    finally:
        threads.release()
