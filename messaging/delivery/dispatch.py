"""Grants slots: the next free slots of a sender go to its queued messages in the order of class, rank and id. Hints
carry the ids of the granted messages to the workers.
"""

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

# Look again after this many seconds at messages that are due and were not granted.
_LEFT_BEHIND_S = 0.05
URGENT_QUEUE, ROUTINE_QUEUE = "emergency", "messages"

# Every pass of every scheduler executes these statements and an SOS waits for them, so they are few and avoid the ORM.
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
    """The columns that _LOCK returns, without the last four, which only set time-outs and the kind of commit."""

    id: int
    now: datetime
    segments_per_second: float
    segments_per_day: int
    next_free_at: datetime
    waiting_for_workers: int
    is_out: bool
    # One (class, messages at all senders, segments at this sender) for each class of which a message got a slot today.
    granted_today: list[tuple[int, int, int]] | None


# Classes at their daily cap are left out, and so are messages that wait for another attempt: these may be many rows.
_NEXT = """
SELECT id, segments, message_class, attempts = 0 FROM messaging_message
WHERE sender_id = %(sender)s AND state = 'queued' AND due_at <= %(now)s AND deadline_at > %(now)s
    AND message_class = ANY(%(classes)s)
ORDER BY message_class, rank, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
# A message that gets another slot counts once, so that a provider which refuses messages does not use up the day. Its
# segments count again if the provider accepted the attempt before, or if another sender made it.
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
    """One broker message: ids of messages of one sender that got slots, for one queue.

    If a hint is lost, the scheduler's rescue finds the messages.
    """

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
    """Seconds until the next queued message is due, at most `most_s`, so that joined SMS (coalescing) leave on time.

    Returns _LEFT_BEHIND_S if a queued message is due already: a cap or an outage held it back, or another process had
    locked its row. Returns `most_s` if no message is queued.
    """
    [(wait_s,)] = rows(_UNTIL_DUE)
    if wait_s is None:
        return most_s
    return min(most_s, float(wait_s) if wait_s > 0 else _LEFT_BEHIND_S)


def grant_all(publish: Callable[[Hint], object]) -> bool:
    """Grant slots at every active sender with queued messages; return whether more messages may wait for slots.

    `publish` is called with each hint after the commit of its slots, before slots are granted at the next sender. The
    sender with the most urgent message comes first, so that a long pass delays no emergency. A sender whose row another
    scheduler has locked is left to that scheduler.
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
    """Grant the free slots within HORIZON to the most urgent messages of one sender; None if no sender is left.

    `granted` are the ids of the senders that had their turn. The sender's lock is NO KEY UPDATE, because a new message
    holds a key share of its sender's row until the message is committed.

    The commit waits for neither the disk nor a standby (PostgreSQL's synchronous_commit). Only a claim uses a granted
    slot. The claim's commit waits for both, and so makes the earlier granting durable too. If a crash of the database
    undoes the granting, no claim of its messages is stored, and they are granted slots again.
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
    # Urgent messages have workers of their own, so they get slots even when many messages wait for workers. Only urgent
    # messages try a sender that is out.
    urgent_only = sender.waiting_for_workers >= policy.WAITING_FOR_WORKERS
    if urgent_only or sender.is_out:
        classes = [kind for kind in classes if kind in URGENT]
    picked = _next(sender.id, limit=room, classes=classes, now=now)
    taken, free_at = pacing.slots([m.segments for m in picked], next_free_at=sender.next_free_at, now=now, each=each)
    # A text of several segments takes several slots; messages whose slot falls behind the horizon wait.
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
    """Lock and return the most urgent queued messages of the sender, at most `limit`.

    They are of the given classes, due and before their deadline. Rows that another process has locked are left out.
    """
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
