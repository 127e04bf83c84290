"""When an answer leaves. What was done for it must not be told from how long that took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

# Several times what checking a PIN and ending an alert take.
STEP_S = 0.25


@contextmanager
def in_steps(wanted: bool) -> Iterator[None]:
    """Leave the block, also by an exception, only a whole number of steps after entering it, if that is wanted."""
    entered = time.monotonic()
    try:
        yield
    finally:
        if wanted:
            taken = time.monotonic() - entered
            time.sleep(ceil(taken / STEP_S) * STEP_S - taken)
