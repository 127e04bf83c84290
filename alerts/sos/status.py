"""The table of an alert's moves, and the only writer of a raised alert's status.

A move is one conditional UPDATE: of requests that race for an alert exactly one moves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from alerts.models import ENDED, OPEN, AlertMove, AlertStatus, EventKind, SosAlert
from alerts.timeline import journal
from messaging.database.sql import rows


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table of moves.

    `entry`: the kind of the timeline entry that the move writes; None: the contact's answer has written one.
    """

    reached_from: frozenset[AlertStatus]
    to: AlertStatus
    entry: EventKind | None


_NOT_ENDED = frozenset(AlertStatus) - frozenset(ENDED)
MOVES = {
    AlertMove.ACKNOWLEDGE: _Row(frozenset({AlertStatus.ACTIVE, AlertStatus.EXHAUSTED}), AlertStatus.ACKNOWLEDGED, None),
    AlertMove.WITHDRAW: _Row(frozenset({AlertStatus.ACKNOWLEDGED}), AlertStatus.ACTIVE, None),
    AlertMove.EXHAUST: _Row(frozenset({AlertStatus.ACTIVE}), AlertStatus.EXHAUSTED, EventKind.EXHAUSTED),
    AlertMove.GIVE_WAY: _Row(frozenset({AlertStatus.ACKNOWLEDGED}), AlertStatus.EXHAUSTED, EventKind.GAVE_WAY),
    AlertMove.RESOLVE: _Row(_NOT_ENDED, AlertStatus.RESOLVED, EventKind.RESOLVED),
    AlertMove.CANCEL: _Row(_NOT_ENDED, AlertStatus.CANCELLED, EventKind.CANCELLED),
    AlertMove.DROP_DRILL: _Row(frozenset(OPEN), AlertStatus.CANCELLED, EventKind.GAVE_WAY),
}
_MOVE = """
UPDATE alerts_sosalert SET status = %(to)s, updated_at = %(now)s,
    ended_at = CASE WHEN %(ends)s::boolean THEN %(now)s::timestamptz END
WHERE id = ANY(%(ids)s) AND status = ANY(%(reached_from)s)
RETURNING id
"""


def move(alerts: Sequence[SosAlert], how: AlertMove, *, now: datetime, by: str = journal.SYSTEM) -> list[SosAlert]:
    """Make this move of each alert whose status allows it; return the alerts that moved, with their new status.

    ACKNOWLEDGE moves nothing and returns [] if the owner of an exhausted alert has another open alert by now: a person
    has at most one. `by` is the actor in the timeline entries. Call inside a transaction.
    """
    row = MOVES[how]
    try:
        # Only this move makes an alert open again, so only this one can meet the owner's next alert.
        with transaction.atomic(savepoint=how is AlertMove.ACKNOWLEDGE):
            moved = _update(alerts, row, now=now)
    except IntegrityError:
        if how is AlertMove.ACKNOWLEDGE:
            return []
        raise
    for alert in moved:
        alert.status, alert.updated_at = row.to, now
        alert.ended_at = now if row.to in ENDED else None
    if row.entry:
        journal.record_all(journal.entry(alert.id, row.entry, by=by, now=now) for alert in moved)
    return moved


def _update(alerts: Sequence[SosAlert], row: _Row, *, now: datetime) -> list[SosAlert]:
    parameters = {
        "ids": [alert.id for alert in alerts],
        "reached_from": [str(status) for status in row.reached_from],
        "to": str(row.to),
        "ends": row.to in ENDED,
        "now": now,
    }
    moved = {alert_id for (alert_id,) in rows(_MOVE, parameters)}
    return [alert for alert in alerts if alert.id in moved]
