"""Granting: the next messages by (class, rank, id) get the sender's next slots, and leave as hints for workers."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from messaging import clock, limits, pacing, policy
from messaging.models import URGENT, Deliverer, Message, MessageClass, Sender, SenderOutage
from messaging.sql import rows
from messaging.states import State

URGENT_QUEUE, ROUTINE_QUEUE = "emergency", "messages"


@dataclass(frozen=True, slots=True)
class Hint:
    """What one broker message carries: ids of one sender's messages for one queue. Losing it loses nothing."""

    queue: str
    message_ids: list[int]
    sender_id: int


def until_due_s(most_s: float) -> float:
    """Seconds until a waiting message becomes due, at most so many: what waits for others to join it leaves on time."""
    [(wait_s,)] = rows(
        "SELECT extract(epoch FROM min(due_at) - clock_timestamp()) FROM messaging_message"
        " WHERE state = 'queued' AND due_at > clock_timestamp()"
    )
    return most_s if wait_s is None else min(most_s, max(float(wait_s), 0.0))


def grant_all() -> tuple[list[Hint], bool]:
    """Grant at every sender; returns the hints to publish and whether messages are still waiting for slots."""
    hints: list[Hint] = []
    waiting = False
    for sender_id in _senders_with_work():
        granted, more = grant(sender_id)
        hints += granted
        waiting = waiting or more
    return hints, waiting


def _senders_with_work() -> list[int]:
    """In the order of what waits most urgently, so that a long pass never keeps an emergency behind routine."""
    found = rows(
        "SELECT s.id FROM messaging_sender s CROSS JOIN LATERAL ("
        " SELECT m.message_class FROM messaging_message m WHERE m.sender_id = s.id AND m.state = 'queued'"
        " ORDER BY m.message_class, m.rank, m.id LIMIT 1) next ORDER BY next.message_class"
    )
    return [row[0] for row in found]


@transaction.atomic
def grant(sender_id: int) -> tuple[list[Hint], bool]:
    """Give one sender's free slots inside the horizon to its most urgent messages.

    A scheduler that finds the row locked leaves it to the one that holds it. NO KEY UPDATE, because new messages
    hold a key share of their sender's row until they commit.
    """
    now = clock.lock_briefly()
    outage = SenderOutage.objects.filter(sender=OuterRef("pk"), country="", until__gt=now)
    free = Sender.objects.select_for_update(skip_locked=True, no_key=True, of=("self",)).annotate(is_out=Exists(outage))
    sender = free.filter(id=sender_id).first()
    if sender is None:
        return [], True
    each = pacing.interval(sender)
    room = pacing.room(next_free_at=sender.next_free_at, now=now, each=each)
    if room <= 0:
        return [], True
    today = limits.Today.of(sender_id, now=now)
    classes = today.classes_for(sender)
    # What waits for workers never keeps an urgent message waiting: those have workers of their own. A sender that is
    # out is tried by the urgent alone.
    urgent_only = _waiting_for_workers(sender_id) >= policy.WAITING_FOR_WORKERS
    if urgent_only or sender.is_out:
        classes = [kind for kind in classes if kind in URGENT]
    picked = _next(sender_id, limit=room, classes=classes, now=now)
    taken, free_at = pacing.slots(
        [segments for _, segments, _ in picked], next_free_at=sender.next_free_at, now=now, each=each
    )
    # A text of several segments uses up the room of several: what then falls behind the horizon waits.
    count = sum(slot < now + policy.HORIZON for slot in taken)
    waiting = urgent_only or len(picked) == room or count < len(picked)
    if each and count < len(taken):
        free_at = taken[count]
    picked, taken = picked[:count], taken[:count]
    if picked:
        _dispatch(picked, taken, now=now)
        limits.count(sender, picked, today=today, now=now)
        Sender.objects.filter(id=sender_id).update(next_free_at=free_at)
    return _hints(picked, sender_id=sender_id), waiting


def _next(sender_id: int, *, limit: int, classes: list[MessageClass], now: datetime) -> list[tuple[int, int, int]]:
    """(id, segments, class) of the most urgent messages that are due."""
    return list(
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(sender_id=sender_id, state=State.QUEUED, due_at__lte=now, deadline_at__gt=now)
        .filter(message_class__in=classes)
        .order_by("message_class", "rank", "id")
        .values_list("id", "segments", "message_class")[:limit]
    )


def _waiting_for_workers(sender_id: int) -> int:
    return Message.objects.filter(sender_id=sender_id, state=State.DISPATCHED).count()


def _dispatch(picked: list[tuple[int, int, int]], taken: list[datetime], *, now: datetime) -> None:
    urgent = [message_class in URGENT for _, _, message_class in picked]
    dues = [
        slot + (policy.RESCUE_AFTER if is_urgent else policy.RESCUE_ROUTINE_AFTER)
        for slot, is_urgent in zip(taken, urgent, strict=True)
    ]
    rows(
        "WITH granted AS (UPDATE messaging_message m"
        " SET state = 'dispatched', slot_at = g.slot_at, due_at = g.due_at"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS g (id, slot_at, due_at)"
        " WHERE m.id = g.id RETURNING m.id)"
        " INSERT INTO messaging_messageevent (message_id, state, by, error_code, at)"
        " SELECT id, 'dispatched', %s, '', %s FROM granted",
        [[i for i, _, _ in picked], taken, dues, str(Deliverer.SCHEDULER), now],
    )


def _hints(picked: list[tuple[int, int, int]], *, sender_id: int) -> list[Hint]:
    by_queue: dict[str, list[int]] = defaultdict(list)
    for message_id, _, message_class in picked:
        urgent = MessageClass(message_class) in URGENT
        by_queue[URGENT_QUEUE if urgent else ROUTINE_QUEUE].append(message_id)
    return [
        Hint(queue, ids[start : start + policy.HINT_SIZE], sender_id)
        for queue, ids in sorted(by_queue.items())
        for start in range(0, len(ids), policy.HINT_SIZE)
    ]
