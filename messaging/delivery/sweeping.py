"""Finds messages that no worker claimed in time (`overdue`), and moves messages whose lease or deadline has passed
(`sweep`).
"""

from datetime import datetime
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from messaging.database import clock
from messaging.database.sql import rows
from messaging.history import DEADLINE_PASSED
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message, MessageClass
from messaging.moves import Change, move
from messaging.operations.alarms import alarm
from messaging.states import WAITING, State

# At most this many messages of each state in one sweep.
_BATCH = 500


_OVERDUE = """
SELECT s.id, late.ids FROM messaging_sender s CROSS JOIN LATERAL (
    SELECT array_agg(m.id) AS ids FROM (
        SELECT id FROM messaging_message WHERE sender_id = s.id AND state = 'dispatched' AND due_at <= %(now)s
        ORDER BY message_class, rank, id LIMIT %(limit)s
    ) m
) late WHERE late.ids IS NOT NULL ORDER BY s.id
"""


def overdue(*, limit: int = 100) -> dict[int, list[int]]:
    """Return sender id -> ids of its `dispatched` messages past their due time, which no worker claimed in time.

    Each sender has at most `limit` ids, the most urgent message first. The caller delivers these messages itself.
    """
    found = rows(_OVERDUE, {"now": clock.now(), "limit": limit})
    return dict(cast(list[tuple[int, list[int]]], found))


@transaction.atomic
def sweep() -> int:
    """Move messages with an ended lease to `unknown`, and queued or dispatched ones past their deadline to `expired`.

    Return how many moved; one call takes at most _BATCH of each state. Alarm the operator of expired EMERGENCY and
    SAFETY messages. After the lease of a claim has ended, nobody knows whether its create request was sent.
    """
    now = clock.set_short_timeouts()
    due = Message.objects.select_for_update(skip_locked=True, no_key=True).order_by("id")
    leases = due.filter(state=State.SENDING, due_at__lte=now)
    # One query for each state: for both states in one, PostgreSQL reads every queued row.
    late = [i for state in WAITING for i in _ids(due.filter(state=state, deadline_at__lte=now))]
    changes = [
        *(Change(id=i, to=State.UNKNOWN, error_code="lease_ended", attempt_id=a) for i, a in _with_attempt(leases)),
        *(Change(id=i, to=State.EXPIRED, error_code=DEADLINE_PASSED) for i in late),
    ]
    moved = move(changes, by=Deliverer.SCHEDULER, now=now)
    _alarm_expired([i for i, state in moved.items() if state is State.EXPIRED], now=now)
    return len(moved)


def _alarm_expired(message_ids: list[int], *, now: datetime) -> None:
    """Alarm the operator if EMERGENCY or SAFETY messages expired: a contact did not learn of danger, or that it is
    over.
    """
    unsent = Message.objects.filter(id__in=message_ids, message_class__in=(MessageClass.EMERGENCY, MessageClass.SAFETY))
    if count := unsent.count():
        alarm("messages_expired", now=now, messages=count)


def _ids(due: QuerySet[Message]) -> list[int]:
    return list(due.values_list("id", flat=True)[:_BATCH])


def _with_attempt(due: QuerySet[Message]) -> list[tuple[int, UUID]]:
    """Pairs of a message's id and the id of its latest attempt, for at most _BATCH messages.

    Such an attempt that is still `sending` becomes `unknown` in the database.
    """
    latest = Attempt.objects.filter(message_id__in=_ids(due), number=F("message__attempts"))
    pairs = list(latest.values_list("message_id", "id"))
    unheard = Attempt.objects.filter(id__in=[attempt_id for _, attempt_id in pairs], outcome=AttemptOutcome.SENDING)
    unheard.update(outcome=AttemptOutcome.UNKNOWN)
    return pairs
