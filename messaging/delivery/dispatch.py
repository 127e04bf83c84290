"""Granting: the next messages by (class, rank, id) get the sender's next slots, and leave as hints for workers."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from messaging import policy
from messaging.database import clock
from messaging.database.sql import rows
from messaging.delivery import pacing
from messaging.models import URGENT, Deliverer, MessageClass
from messaging.outbox import limits

_LEFT_BEHIND_S = 0.05
URGENT_QUEUE, ROUTINE_QUEUE = "emergency", "messages"

# Every pass of every scheduler executes these, an SOS waits for them: they are said without the ORM, and few.
_LOCK = """
SELECT s.id, clock_timestamp(), segments_per_second, segments_per_day, next_free_at,
    (SELECT count(*) FROM messaging_message m WHERE m.sender_id = s.id AND m.state = 'dispatched'),
    EXISTS (SELECT FROM messaging_senderoutage o WHERE o.sender_id = s.id AND o.country = '' AND o.until > now()),
    (SELECT array_agg(ARRAY[message_class, messages, segments]) FROM (
        SELECT message_class, sum(messages)::bigint AS messages,
            coalesce(sum(segments) FILTER (WHERE sender_id = s.id), 0)::bigint AS segments
        FROM messaging_dailycount WHERE day = (now() AT TIME ZONE 'UTC')::date GROUP BY message_class
    ) today),
    set_config('idle_in_transaction_session_timeout', %(idle_limit)s, true),
    set_config('lock_timeout', %(lock_timeout)s, true), set_config('statement_timeout', %(statement_timeout)s, true),
    set_config('synchronous_commit', 'off', true)
FROM messaging_sender s CROSS JOIN LATERAL (
    SELECT message_class FROM messaging_message m WHERE m.sender_id = s.id AND m.state = 'queued'
    ORDER BY message_class, rank, id LIMIT 1
) urgent
WHERE s.is_active AND s.id <> ALL(%(granted)s::bigint[])
ORDER BY urgent.message_class LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED
"""


class _LockedSender(NamedTuple):
    """The columns of _LOCK, but for the last four, which only set time-outs and the kind of commit."""

    id: int
    now: datetime
    segments_per_second: float
    segments_per_day: int
    next_free_at: datetime
    waiting_for_workers: int
    is_out: bool
    # One (class, messages at all senders, segments at this sender) for each class that was granted today.
    granted_today: list[tuple[int, int, int]] | None


# A class at its cap is not read at all, nor what waits in it for another try: the rest of its backlog may be long.
_NEXT = """
SELECT id, segments, message_class, attempts = 0 FROM messaging_message
WHERE sender_id = %(sender)s AND state = 'queued' AND due_at <= %(now)s AND deadline_at > %(now)s
    AND message_class = ANY(%(classes)s)
ORDER BY message_class, rank, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
# A message is counted once, however often it is granted: a provider that refuses us must not use up the day. Its
# segments count again where the provider did take them, or another sender was tried.
_DISPATCH = """
WITH granted AS (
    UPDATE messaging_message m SET state = 'dispatched', slot_at = g.slot_at, due_at = g.due_at
    FROM unnest(%(ids)s::bigint[], %(slots)s::timestamptz[], %(dues)s::timestamptz[]) AS g (id, slot_at, due_at)
    WHERE m.id = g.id RETURNING m.id, m.message_class, m.segments, m.attempts
), sender AS (
    UPDATE messaging_sender SET next_free_at = %(free_at)s WHERE id = %(sender)s
), counted AS (
    INSERT INTO messaging_dailycount AS d (day, sender_id, message_class, messages, segments)
    SELECT (now() AT TIME ZONE 'UTC')::date, %(sender)s, message_class, count(*) FILTER (WHERE attempts = 0),
        coalesce(sum(segments) FILTER (WHERE attempts = 0 OR EXISTS (
            SELECT FROM messaging_attempt a WHERE a.message_id = granted.id AND a.number = granted.attempts
                AND (a.provider_id <> '' OR a.sender_id <> %(sender)s))), 0)
    FROM granted GROUP BY message_class
    ON CONFLICT (day, sender_id, message_class) DO UPDATE
    SET messages = d.messages + excluded.messages, segments = d.segments + excluded.segments
)
INSERT INTO messaging_messageevent (message_id, state, by, error_code, at)
SELECT id, 'dispatched', %(by)s, '', %(now)s FROM granted
"""


@dataclass(frozen=True, slots=True)
class Hint:
    """What one broker message carries: ids of one sender's messages for one queue. Losing it loses nothing."""

    queue: str
    message_ids: list[int]
    sender_id: int


class _Picked(NamedTuple):
    id: int
    segments: int
    kind: MessageClass
    is_first_grant: bool


@dataclass(frozen=True, slots=True)
class _Grant:
    sender_id: int
    hints: list[Hint]
    are_waiting: bool


_UNTIL_DUE = "SELECT extract(epoch FROM min(due_at) - clock_timestamp()) FROM messaging_message WHERE state = 'queued'"


def until_due_s(most_s: float) -> float:
    """Seconds until a waiting message becomes due, at most so many: what waits for others to join it leaves on time.

    What is due and was not granted is held back, or was locked for a moment: by a move, by a claim.
    """
    [(wait_s,)] = rows(_UNTIL_DUE)
    if wait_s is None:
        return most_s
    return min(most_s, float(wait_s) if wait_s > 0 else _LEFT_BEHIND_S)


def grant_all(publish: Callable[[Hint], object]) -> bool:
    """Grant at every sender with work, and publish each one's hints before the next one's turn.

    First the sender with the most urgent message, so that a long pass never keeps an emergency behind routine. Where
    another scheduler has a sender's row, the sender is left to that one; by one that the operator took out nothing
    leaves. Returns whether messages are still waiting for slots.
    """
    granted: list[int] = []
    are_waiting = False
    while (grant := _grant_next(granted)) is not None:
        for hint in grant.hints:
            publish(hint)
        granted.append(grant.sender_id)
        are_waiting = are_waiting or grant.are_waiting
    return are_waiting


@transaction.atomic
def _grant_next(granted: Sequence[int]) -> _Grant | None:
    """Give the free slots inside the horizon to the most urgent messages of one sender that is not among `granted`.

    NO KEY UPDATE, because new messages hold a key share of their sender's row until they commit.

    The commit waits for neither the disk nor a standby (PostgreSQL's synchronous_commit). Only a claim acts on a
    grant, and a claim's commit waits for both, with the grant before it: a grant that a crash of the database takes
    back was claimed by nobody, and its messages are granted again.
    """
    found = rows(_LOCK, {"granted": list(granted), **clock.short_timeouts()})
    if not found:
        return None
    sender = _LockedSender._make(found[0][: len(_LockedSender._fields)])
    now, each = sender.now, pacing.interval(sender.segments_per_second)
    room = pacing.room(next_free_at=sender.next_free_at, now=now, each=each)
    if room <= 0:
        return _Grant(sender.id, [], are_waiting=True)
    today = limits.Today.of(sender.granted_today)
    classes = today.classes(sender.segments_per_day)
    # What waits for workers never keeps an urgent message waiting: those have workers of their own. A sender that is
    # out is tried by the urgent alone.
    urgent_only = sender.waiting_for_workers >= policy.WAITING_FOR_WORKERS
    if urgent_only or sender.is_out:
        classes = [kind for kind in classes if kind in URGENT]
    picked = _next(sender.id, limit=room, classes=classes, now=now)
    taken, free_at = pacing.slots([m.segments for m in picked], next_free_at=sender.next_free_at, now=now, each=each)
    # A text of several segments uses up the room of several: what then falls behind the horizon waits.
    count = sum(slot < now + policy.HORIZON for slot in taken)
    are_waiting = urgent_only or len(picked) == room or count < len(picked)
    if each and count < len(taken):
        free_at = taken[count]
    picked, taken = picked[:count], taken[:count]
    if picked:
        _dispatch(picked, taken, sender_id=sender.id, free_at=free_at, now=now)
        today.alarm_at_caps([m.kind for m in picked if m.is_first_grant], now=now)
    return _Grant(sender.id, _hints(picked, sender_id=sender.id), are_waiting=are_waiting)


def _next(sender_id: int, *, limit: int, classes: list[MessageClass], now: datetime) -> list[_Picked]:
    """The most urgent messages that are due."""
    found = rows(_NEXT, {"sender": sender_id, "limit": limit, "classes": [int(kind) for kind in classes], "now": now})
    return [_Picked(i, segments, MessageClass(kind), is_first) for i, segments, kind, is_first in found]


def _dispatch(
    picked: Sequence[_Picked],
    taken: Sequence[datetime],
    *,
    sender_id: int,
    free_at: datetime,
    now: datetime,
) -> None:
    dues = [
        slot + (policy.RESCUE_AFTER if m.kind in URGENT else policy.RESCUE_ROUTINE_AFTER)
        for slot, m in zip(taken, picked, strict=True)
    ]
    rows(
        _DISPATCH,
        {
            "ids": [m.id for m in picked],
            "slots": list(taken),
            "dues": dues,
            "by": str(Deliverer.SCHEDULER),
            "now": now,
            "sender": sender_id,
            "free_at": free_at,
        },
    )


def _hints(picked: Sequence[_Picked], *, sender_id: int) -> list[Hint]:
    by_queue: dict[str, list[int]] = defaultdict(list)
    for m in picked:
        by_queue[URGENT_QUEUE if m.kind in URGENT else ROUTINE_QUEUE].append(m.id)
    return [
        Hint(queue, ids[start : start + policy.HINT_SIZE], sender_id)
        for queue, ids in sorted(by_queue.items())
        for start in range(0, len(ids), policy.HINT_SIZE)
    ]
