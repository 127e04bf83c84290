"""Tells the apps above messaging which moves and attempts their messages made. They read both only with this file.

Each function executes one statement, or returns a part of the caller's statement.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, Subquery

from messaging.models import Attempt, AttemptOutcome, MessageEvent
from messaging.states import ENDED_UNSENT, INTERNAL, State

# The error code of a message that is queued again, or ends `unconfirmed`, although an attempt may have reached the
# provider.
NO_EVIDENCE = "no_evidence"
# The error code of a message that is queued again because the provider does not have it.
NOT_CREATED = "not_created"
# The error code of a message that the provider took and never finished.
NEVER_FINISHED = "never_finished"
# The error code of a message that expired.
DEADLINE_PASSED = "deadline_passed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One move of a message to a state. The ids of moves grow with time.

    `by`: the process that made the move (Deliverer). `attempt_id` and `attempt_began_at`: the attempt that the move
    reports on; None: the move reports on no attempt.
    """

    id: int
    message_id: int
    state: State
    at: datetime
    by: str
    error_code: str
    attempt_id: UUID | None
    attempt_began_at: datetime | None

    @property
    def leaves_a_doubt(self) -> bool:
        """Whether the message was queued again, or ended `unconfirmed`, although an attempt may have reached the
        provider.
        """
        return self.error_code == NO_EVIDENCE


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRecord:
    """One attempt: a create request to the provider. `outcome`: an AttemptOutcome."""

    id: UUID
    message_id: int
    number: int
    started_at: datetime
    outcome: str
    provider_id: str
    error_code: str


def moves(message_ids: Collection[int]) -> defaultdict[int, list[Move]]:
    """Return message id -> the message's moves, oldest first; an empty list for a message without moves."""
    found: defaultdict[int, list[Move]] = defaultdict(list)
    events = MessageEvent.objects.filter(message__in=message_ids).order_by("id")
    columns = ("id", "message_id", "state", "at", "by", "error_code", "attempt_id", "attempt__started_at")
    for event_id, message_id, state, at, by, code, attempt_id, began_at in events.values_list(*columns):
        found[message_id].append(
            Move(
                id=event_id,
                message_id=message_id,
                state=State(state),
                at=at,
                by=by,
                error_code=code,
                attempt_id=attempt_id,
                attempt_began_at=began_at,
            )
        )
    return found


def attempts(message_ids: Collection[int]) -> defaultdict[int, list[AttemptRecord]]:
    """Return message id -> the message's attempts, oldest first; an empty list for a message without attempts."""
    found: defaultdict[int, list[AttemptRecord]] = defaultdict(list)
    columns = ("id", "message_id", "number", "started_at", "outcome", "provider_id", "error_code")
    for row in Attempt.objects.filter(message__in=message_ids).order_by("number").values(*columns):
        attempt = AttemptRecord(**row)
        found[attempt.message_id].append(attempt)
    return found


def last_move(message_ids: Collection[int]) -> int:
    """The id of the last move of any of these messages; 0: they have made no move."""
    return MessageEvent.objects.filter(message__in=message_ids).aggregate(last=Max("id"))["last"] or 0


def moved_at(message_id: str = "message_id") -> Subquery:
    """A subquery for the time of a message's last move; null if it has none.

    `message_id` is the name of the column with the message's id in the outer query.
    """
    events = MessageEvent.objects.filter(message=OuterRef(message_id)).values("message")
    return Subquery(events.annotate(last=Max("at")).values("last"))


def may_have_been_sent(message: str = "message") -> Q:
    """A filter for rows whose foreign key `message` names a message that may have been sent, or still may be.

    The filter leaves out failed, expired and cancelled messages without attempts, or with only `not_created` attempts.
    """
    created = Attempt.objects.filter(message=OuterRef(f"{message}_id")).exclude(outcome=AttemptOutcome.NOT_CREATED)
    return ~Q(**{f"{message}__state__in": ENDED_UNSENT}) | Q(Exists(created))


# The moves that mean something to a person, as an SQL relation (id, message_id, channel, state, error_code, at) for a
# statement that copies moves of many messages. A move back to `queued` from `dispatched` is left out with the internal
# states: the message only missed its slot. The move before is found by an aggregate: with `ORDER BY id` the
# planner may read all older moves of all messages backwards. One alert took 5 s on a table without statistics.
NEWS = f"""(
    SELECT e.id, e.message_id, m.channel, e.state, e.error_code, e.at
    FROM messaging_messageevent e JOIN messaging_message m ON m.id = e.message_id
    WHERE e.state NOT IN ({", ".join(f"'{state}'" for state in INTERNAL)})
        AND (e.state <> 'queued' OR 'dispatched' IS DISTINCT FROM (
            SELECT (array_agg(b.state ORDER BY b.id DESC) FILTER (WHERE b.id < e.id))[1]
            FROM messaging_messageevent b WHERE b.message_id = e.message_id))
)"""  # noqa: S608 of constants
