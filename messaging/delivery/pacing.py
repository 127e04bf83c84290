"""A sender's pace, by the algorithm GCRA in its virtual-scheduling form (ITU-T I.371, annex A).

Each segment takes one slot. The sender's row holds the time at which its next slot is free.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from messaging import policy

# Segments per second of the slowest pace: one segment an hour.
_SLOWEST = 1 / 3600


def interval(segments_per_second: float) -> timedelta:
    """The time that one segment takes, rounded up to whole microseconds; zero for a sender without a pace (0)."""
    if not segments_per_second:
        return timedelta(0)
    return timedelta(microseconds=math.ceil(1_000_000 / max(segments_per_second, _SLOWEST)))


def slots(
    segments: Sequence[int], *, next_free_at: datetime, now: datetime, each: timedelta
) -> tuple[list[datetime], datetime]:
    """The start of each message's slot, in order, and the time at which the slot after them is free.

    Unused slots are lost: after an idle time the first slot starts now, never earlier.
    """
    free_at = max(next_free_at, now)
    taken = []
    for count in segments:
        taken.append(free_at)
        free_at += each * count
    return taken, free_at


def room(*, next_free_at: datetime, now: datetime, each: timedelta) -> int:
    """The number of slots that begin within HORIZON from `now` and are free, at most GRANT_BATCH.

    GRANT_BATCH for a sender without a pace.
    """
    if not each:
        return policy.GRANT_BATCH
    ahead = now + policy.HORIZON - max(next_free_at, now)
    return min(max(-(-ahead // each), 0), policy.GRANT_BATCH)


def is_missed(*, slot_at: datetime, now: datetime, each: timedelta) -> bool:
    """Whether the slot that began at `slot_at` is missed, by the rule of `is_late`: sending might exceed the pace."""
    return is_late((now - slot_at).total_seconds(), each=each)


def is_late(seconds: float, *, each: timedelta) -> bool:
    """Whether a slot that began `seconds` ago is missed: after SLOT_TOLERANCE, or one slot's time if that is longer.

    A sender without a pace misses no slot.
    """
    return bool(each) and seconds > max(each, policy.SLOT_TOLERANCE).total_seconds()
