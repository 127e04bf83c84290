"""Makes `sleep` work under libfaketime, in every Python that has this folder in its PYTHONPATH.

Since Python 3.11 `time.sleep` is clock_nanosleep with an absolute time. libfaketime 0.9.10 (Debian 12) answers it with
EINVAL when only the wall clock is shifted.
"""

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    select.select([], [], [], float(seconds))


time.sleep = _sleep
