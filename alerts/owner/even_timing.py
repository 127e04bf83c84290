"""Evens out response times: how long a response takes must not tell which PIN was typed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

# Several times as long as checking a PIN and ending an alert take.
STEP_S = 0.25


@contextmanager
def in_steps(wanted: bool) -> Iterator[None]:
    """If `wanted`, leave the block, also by an exception, only a whole number of STEP_S after entering it."""
    entered = time.monotonic()
    try:
        yield
    finally:
        if wanted:
            taken = time.monotonic() - entered
            time.sleep(ceil(taken / STEP_S) * STEP_S - taken)
