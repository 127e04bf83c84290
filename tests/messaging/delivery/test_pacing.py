from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import policy
from messaging.delivery import pacing

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

paces = st.sampled_from([0.5, 1.0, 3.0, 10.0, 100.0, 333.3])
# Grants as (seconds since the last one, segments of each message that waits).
requests = st.lists(
    st.tuples(
        st.floats(0, 3, allow_nan=False).map(lambda s: timedelta(seconds=s)),
        st.lists(st.integers(1, 6), max_size=5),
    ),
    max_size=30,
)


def granted(pace: float, asked: list[tuple[timedelta, list[int]]]) -> list[tuple[datetime, int]]:
    """The (slot, segments) of every message, over many grants."""
    now = free_at = NOON
    slots: list[tuple[datetime, int]] = []
    for pause, segments in asked:
        now += pause
        taken, free_at = pacing.slots(segments, next_free_at=free_at, now=now, each=pacing.interval(pace))
        slots += zip(taken, segments, strict=True)
    return slots


@given(paces, requests)
def test_no_window_ever_starts_more_than_the_pace_and_one_message(
    pace: float, asked: list[tuple[timedelta, list[int]]]
) -> None:
    slots = granted(pace, asked)
    for window_s in (1.0, 0.3, 7.0):
        for start, _ in slots:
            inside = [count for slot, count in slots if start <= slot < start + window_s * SECOND]
            # The last message of a window starts in it; all its segments but the first may lie beyond it.
            assert sum(inside) <= pace * window_s + inside[-1] + 1e-3


@given(paces, requests)
def test_a_slot_is_never_before_its_grant_and_slots_never_overlap(
    pace: float, asked: list[tuple[timedelta, list[int]]]
) -> None:
    each = pacing.interval(pace)
    slots = granted(pace, asked)
    for (earlier, count), (later, _) in pairwise(slots):
        assert later >= earlier + each * count


@given(paces, st.floats(0, 86_400))
def test_idle_time_earns_no_credit(pace: float, idle_s: float) -> None:
    now = NOON + timedelta(seconds=idle_s)
    each = pacing.interval(pace)
    taken, free_at = pacing.slots([1, 1, 1], next_free_at=NOON, now=now, each=each)
    assert taken == [now, now + each, now + 2 * each]
    assert free_at == now + 3 * each


def test_a_text_of_several_segments_takes_as_many_slots() -> None:
    taken, free_at = pacing.slots([3, 1], next_free_at=NOON, now=NOON, each=SECOND)
    assert taken == [NOON, NOON + 3 * SECOND]
    assert free_at == NOON + 4 * SECOND


def test_a_backlog_uses_all_of_the_pace() -> None:
    taken, _ = pacing.slots([1] * 1_000, next_free_at=NOON, now=NOON, each=pacing.interval(10))
    assert sum(slot < NOON + 60 * SECOND for slot in taken) == 600


def test_the_slowest_pace_is_one_an_hour() -> None:
    assert pacing.interval(1e-300) == pacing.interval(1 / 3600) == timedelta(hours=1)


def test_an_unpaced_sender_sends_all_at_once() -> None:
    assert pacing.interval(0) == timedelta(0)
    taken, free_at = pacing.slots([5, 5], next_free_at=NOON, now=NOON, each=timedelta(0))
    assert taken == [NOON, NOON]
    assert free_at == NOON


@pytest.mark.parametrize(
    ("pace", "free_in_ms", "room"),
    [
        (10, -60_000, 1),  # The sender was idle: one slot begins now, the next one at 100 ms.
        (10, 0, 1),
        (10, 59, 1),
        (10, 60, 0),
        (10, 5_000, 0),
        (100, 0, 6),
        (1, 0, 1),
        (10_000, 0, policy.GRANT_BATCH),
        (0, 0, policy.GRANT_BATCH),
        (0, 60_000, policy.GRANT_BATCH),
    ],
)
def test_room_counts_the_slots_that_begin_inside_the_horizon(pace: float, free_in_ms: int, room: int) -> None:
    free_at = NOON + timedelta(milliseconds=free_in_ms)
    assert pacing.room(next_free_at=free_at, now=NOON, each=pacing.interval(pace)) == room


@given(paces, st.integers(-5_000, 5_000))
def test_slots_within_the_room_begin_inside_the_horizon(pace: float, free_in_ms: int) -> None:
    free_at, each = NOON + timedelta(milliseconds=free_in_ms), pacing.interval(pace)
    room = pacing.room(next_free_at=free_at, now=NOON, each=each)
    taken, after = pacing.slots([1] * room, next_free_at=free_at, now=NOON, each=each)
    assert all(slot < NOON + policy.HORIZON for slot in taken)
    assert after >= NOON + policy.HORIZON or room == policy.GRANT_BATCH


@pytest.mark.parametrize(
    ("pace", "late_ms", "missed"),
    [(10, -500, False), (10, 100, False), (10, 101, True), (100, 50, False), (100, 51, True), (0, 60_000, False)],
)
def test_a_slot_is_missed_after_its_own_length_or_a_twentieth_of_a_second(
    pace: float, late_ms: int, missed: bool
) -> None:
    now = NOON + timedelta(milliseconds=late_ms)
    assert pacing.is_missed(slot_at=NOON, now=now, each=pacing.interval(pace)) is missed
