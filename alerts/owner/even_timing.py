"""Evens out response times: how long a response takes must not tell which PIN was typed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from threading import BoundedSemaphore

from django.conf import settings

from alerts.models import SosAlert
from alerts.owner import view
from identity.errors import Busy

# Several times as long as checking a PIN and ending an alert take.
STEP_S = 0.25

# Threads of a process that wait for the end of their step: at most a quarter, so that an SOS finds a thread.
_waiting = BoundedSemaphore(max(1, settings.WEB_THREADS // 4))
# Threads that even out what is read of an ended alert: readers never keep somebody from ending an alert.
_reading = BoundedSemaphore(max(1, settings.WEB_THREADS // 8))


class EndsBusy(Busy):
    code = "ends_busy"
    detail = "Too many alerts are being ended at this moment. Try again."
    retry_after_s = 1


@contextmanager
def of_ended(*alerts: SosAlert) -> Iterator[None]:
    """Even out a response about alerts of which a PIN ended one, or seemed to; while a thread may wait for it.

    Both ends are read by the same statements. The rest, such as sealing the entries of an alert that goes on, takes
    less than a step.
    """
    if not any(view.snapshot(alert) for alert in alerts) or not _reading.acquire(blocking=False):
        yield
        return
    entered = time.monotonic()
    try:
        yield
    finally:
        _leave(_reading, entered)


def _leave(threads: BoundedSemaphore, entered: float) -> None:
    try:
        taken = time.monotonic() - entered
        time.sleep(ceil(taken / STEP_S) * STEP_S - taken)
    finally:
        threads.release()


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
        _leave(_waiting, entered)
