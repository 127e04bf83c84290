"""Read by every Python that starts with this folder in its PYTHONPATH: `sleep` works under libfaketime.

Since Python 3.11 `time.sleep` is clock_nanosleep with an absolute time, which libfaketime 0.9.10 (Debian 12) answers
with EINVAL when only the wall clock is shifted.
"""

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    select.select([], [], [], float(seconds))


time.sleep = _sleep
