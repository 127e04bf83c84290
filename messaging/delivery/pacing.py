"""GCRA in its virtual-scheduling form (ITU-T I.371, annex A): a sender's row holds the time its next slot is free."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from messaging import policy

# One an hour.
_SLOWEST = 1 / 3600


def interval(segments_per_second: float) -> timedelta:
    """The time one segment takes, in whole microseconds, never too few; zero when the sender is not paced (0)."""
    if not segments_per_second:
        return timedelta(0)
    return timedelta(microseconds=math.ceil(1_000_000 / max(segments_per_second, _SLOWEST)))


def slots(
    segments: Sequence[int], *, next_free_at: datetime, now: datetime, each: timedelta
) -> tuple[list[datetime], datetime]:
    """One slot for each message, in order, and the time the slot after them is free.

    A slot that nobody took is gone: after an idle time the first slot is now, never earlier.
    """
    free_at = max(next_free_at, now)
    taken = []
    for count in segments:
        taken.append(free_at)
        free_at += each * count
    return taken, free_at


def room(*, next_free_at: datetime, now: datetime, each: timedelta) -> int:
    """How many one-segment messages may be granted now: those whose slot begins within the horizon."""
    if not each:
        return policy.GRANT_BATCH
    ahead = now + policy.HORIZON - max(next_free_at, now)
    return min(max(-(-ahead // each), 0), policy.GRANT_BATCH)


def is_missed(*, slot_at: datetime, now: datetime, each: timedelta) -> bool:
    """Whether a slot is too long ago to be used without exceeding the pace where messages arrive."""
    return is_late((now - slot_at).total_seconds(), each=each)


def is_late(seconds: float, *, each: timedelta) -> bool:
    return bool(each) and seconds > max(each, policy.SLOT_TOLERANCE).total_seconds()
