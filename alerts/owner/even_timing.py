"""Makes responses about ended alerts last a whole number of time steps (`identity.pins.even_timing.STEP_S`), so that
their duration does not tell which PIN was typed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings

from alerts.models import SosAlert
from alerts.owner import view
from identity.pins import even_timing

# At most an eighth of a process's threads wait in `of_ended`: readers never keep somebody from ending an alert.
_reading = BoundedSemaphore(max(1, settings.WEB_THREADS // 8))


@contextmanager
def of_ended(*alerts: SosAlert) -> Iterator[None]:
    """Leave the block a whole number of time steps after entering it, if one of these alerts has a snapshot: a PIN
    ended it, or seemed to. Do not wait while an eighth of the process's threads are waiting here.

    Both ends are read by the same statements. Other work, such as sealing the entries of an alert that goes on, takes
    less than a time step.
    """
    if not any(view.snapshot(alert) for alert in alerts) or not _reading.acquire(blocking=False):
        yield
        return
    entered = time.monotonic()
    try:
        yield
    finally:
        even_timing.leave(_reading, entered)
