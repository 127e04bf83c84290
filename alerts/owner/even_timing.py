"""Evens out the time of reads of ended alerts, in the steps of `identity.pins.even_timing`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings

from alerts.models import SosAlert
from alerts.owner import view
from identity.pins import even_timing

# Threads that even out what is read of an ended alert: readers never keep somebody from ending an alert.
_reading = BoundedSemaphore(max(1, settings.WEB_THREADS // 8))


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
        even_timing.leave(_reading, entered)
