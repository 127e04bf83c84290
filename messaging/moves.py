"""Moves of messages: one conditional UPDATE for a whole batch, and one event row for each message that moves.

Only granting slots (delivery/dispatch.py) and claiming (delivery/claims.py) change states by statements of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction

from messaging.database.sql import is_out_of_reach, rows
from messaging.models import Deliverer, MessageEvent
from messaging.signals import not_delivered
from messaging.states import CERTAINLY_NOT_DELIVERED, FINAL, MOVES, NOT_DELIVERED, TAKEN, State

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The state `to` that the message `id` should move to, with the conditions of the move.

    `due_at`: the message's next due time; None: now. `attempt_id`: the attempt that causes the move, for the event row.
    `attempt` (a number): move only while this attempt is the message's latest one. The late refusal of an earlier
    attempt says nothing about the present one.
    `only_while_open`: move only while the message is `sending` or `unknown`, so that no later state is overwritten.
    """

    id: int
    to: State
    due_at: datetime | None = None
    error_code: str = ""
    attempt_id: UUID | None = None
    attempt: int | None = None
    only_while_open: bool = False


# The UPDATE that changes the state also reads it: of two racing writers exactly one finds the message movable. Rows are
# locked in the order of their ids, so two batches with the same rows wait for each other and never deadlock.
_MOVE = """
WITH change AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(dues)s::timestamptz[], %(errors)s::text[],
        %(attempt_ids)s::uuid[], %(attempts)s::int[], %(only_while_open)s::bool[])
        AS c (id, state, due_at, error_code, attempt_id, attempt, only_while_open)
), locked AS (
    SELECT m.id, CASE WHEN c.state = ANY(%(certainly_not_delivered)s) AND EXISTS (
        SELECT FROM messaging_attempt a WHERE a.message_id = m.id AND a.outcome IN ('sending', 'unknown')
            AND a.id IS DISTINCT FROM c.attempt_id) THEN 'unconfirmed' ELSE c.state END AS to_state
    FROM messaging_message m JOIN change c USING (id) ORDER BY m.id FOR NO KEY UPDATE OF m
), moved AS (
    UPDATE messaging_message m SET
        state = to_state,
        due_at = coalesce(c.due_at, %(now)s),
        error_code = c.error_code,
        accepted_at = CASE WHEN to_state = ANY(%(taken)s)
            THEN coalesce(m.accepted_at, %(now)s) ELSE m.accepted_at END,
        final_at = CASE WHEN to_state = ANY(%(final)s) THEN coalesce(m.final_at, %(now)s) END,
        text = CASE WHEN to_state = ANY(%(final)s) THEN NULL ELSE m.text END
    FROM change c JOIN locked USING (id)
    WHERE m.id = c.id AND m.state || '>' || c.state = ANY(%(moves)s) AND m.state || '>' || to_state = ANY(%(moves)s)
        AND (c.attempt IS NULL OR c.attempt = m.attempts)
        AND (NOT c.only_while_open OR m.state IN ('sending', 'unknown'))
    RETURNING m.id, m.state, c.attempt_id, c.error_code
), event AS (
    INSERT INTO messaging_messageevent (message_id, state, attempt_id, error_code, by, at)
    SELECT id, state, attempt_id, error_code, %(by)s, %(now)s FROM moved
)
SELECT id, state FROM moved
"""


def move(changes: Sequence[Change], *, by: Deliverer, now: datetime) -> dict[int, State]:
    """Make the changes that REACHED_FROM and their own conditions allow. Skip the others.

    Return message id -> new state of the messages that moved. The ids in `changes` must not repeat. Instead of
    undelivered, failed, expired or cancelled, a message becomes `unconfirmed` while another of its attempts is
    `sending` or `unknown`. Sends the signal `not_delivered` for the messages that moved to a state of NOT_DELIVERED.
    """
    if not changes:
        return {}
    moved = rows(
        _MOVE,
        {
            "ids": [c.id for c in changes],
            "states": [str(c.to) for c in changes],
            "dues": [c.due_at for c in changes],
            "errors": [c.error_code for c in changes],
            "attempt_ids": [c.attempt_id for c in changes],
            "attempts": [c.attempt for c in changes],
            "only_while_open": [c.only_while_open for c in changes],
            "taken": [str(state) for state in TAKEN],
            "final": [str(state) for state in FINAL],
            "certainly_not_delivered": [str(state) for state in CERTAINLY_NOT_DELIVERED],
            "moves": MOVES,
            "by": str(by),
            "now": now,
        },
    )
    if lost := [message_id for message_id, state in moved if state in NOT_DELIVERED]:
        _tell(lost, now=now)
    return {message_id: State(state) for message_id, state in moved}


def _tell(lost: list[int], *, now: datetime) -> None:
    """Send the signal `not_delivered` with the ids in `lost`.

    An error in a receiver is logged and undoes the work of the receivers, not the moves. An error that means that the
    database is out of reach is raised.
    """
    try:
        with transaction.atomic():
            not_delivered.send(sender=MessageEvent, message_ids=lost, now=now)
    except Exception as error:
        if is_out_of_reach(error):
            raise
        log.exception("receiver_failed", messages=len(lost))
