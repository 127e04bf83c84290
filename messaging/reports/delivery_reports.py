"""Applies delivery reports, which come by callback or look-up: late, twice and in any order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from messaging import policy
from messaging.database import clock
from messaging.database.notices import notify
from messaging.database.sql import rows
from messaging.delivery import outages
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message
from messaging.moves import Change, move
from messaging.operations.alarms import alarm
from messaging.outbox import optouts
from messaging.providers import ALARMING, SENDERS_FAULT, Failure, Kind, Outcome, Scope
from messaging.states import MOVES, SETTLED, WAITING, State

log = structlog.get_logger(__name__)

_HAS_IT = (AttemptOutcome.ACCEPTED, AttemptOutcome.DELIVERED)
_STILL_HOPEFUL = {*_HAS_IT, AttemptOutcome.SENDING}
# At most this many attempts per message that the provider accepted: it charges for each of them.
_PAID_ATTEMPTS = 3


class UnknownAttempt(Exception):
    """No attempt has this id."""


def apply_report(attempt_id: UUID, outcome: Outcome, *, by: Deliverer) -> bool:
    """Apply a delivery report to its attempt and message; return whether the message moved.

    A repeated report, or one older than the stored outcome, changes nothing. A failure may also begin an outage of the
    sender, store an opt-out or raise an alarm. Raises UnknownAttempt if no attempt has this id.
    """
    found = _read(_ATTEMPT, [attempt_id])
    if not found:
        raise UnknownAttempt(attempt_id)
    [attempt] = found
    # Half of the reports, and all replayed ones, say nothing new: they cost one query, without lock or transaction.
    if not _is_news(attempt, outcome) and not _can_move(attempt.message_state, outcome):
        return False
    return _apply_locked(attempt, outcome, by=by)


# Written out, because callbacks come by the hundred a second and the ORM takes longer to build a statement than
# PostgreSQL to execute it.
_ATTEMPT = """
SELECT a.id, a.message_id, a.outcome, a.provider_id, m.state AS message_state
FROM messaging_attempt a JOIN messaging_message m ON m.id = a.message_id WHERE a.id = %s
"""
_ATTEMPTS = """
SELECT id, sender_id, number, outcome, provider_id, error_code FROM messaging_attempt WHERE message_id = %s
"""
# The lock on the message's row puts all reports on its attempts in one order.
_LOCKED_MESSAGE = """
SELECT id, address, state, attempts, deadline_at FROM messaging_message WHERE id = %s FOR NO KEY UPDATE
"""


def _read(statement: str, parameters: list[Any]) -> list[Any]:
    return list(Attempt.objects.raw(statement, parameters))


def _can_move(state: str, outcome: Outcome) -> bool:
    """Whether this report may move a message in this state.

    A report of progress may if MOVES has the move. A report of failure may if the state is not in SETTLED;
    `_apply_locked` then looks at all attempts of the message.
    """
    if outcome.kind is Kind.ACCEPTED:
        return f"{state}>{outcome.state}" in MOVES
    return state not in SETTLED


@transaction.atomic
def _apply_locked(known: Attempt, outcome: Outcome, *, by: Deliverer) -> bool:
    now = clock.set_short_timeouts()
    [message] = Message.objects.raw(_LOCKED_MESSAGE, [known.message_id])
    attempts = _read(_ATTEMPTS, [message.id])
    attempt = next(a for a in attempts if a.id == known.id)
    had_failed = attempt.outcome == AttemptOutcome.UNDELIVERED
    _update(attempt, outcome)
    if had_failed and _is_old(message, outcome):
        return False
    if outcome.kind is not Kind.ACCEPTED and _may_another_arrive(message, attempt, attempts):
        return False
    change = _change(message, attempt, outcome, now=now)
    if change.to == message.state or not move([change], by=by, now=now):
        return False
    if outcome.kind in ALARMING:
        alarm(f"provider_{outcome.kind.value}", now=now, provider_code=outcome.code, message_id=message.id)
        _judge_sender(message, attempt, outcome, now=now)
    if outcome.failure is Failure.OPTED_OUT:
        optouts.refused(message.address, now=now)
    return True


def _may_another_arrive(message: Message, failed: Attempt, attempts: Sequence[Attempt]) -> bool:
    """Whether another attempt of the message may still reach the phone: it is sending, accepted or delivered, or it is
    the latest attempt of an `unknown` message.

    In that case the failure of the attempt `failed` does not move the message.
    """
    if message.state == State.UNKNOWN and failed.number != message.attempts:
        return True
    return any(a.outcome in _STILL_HOPEFUL for a in attempts if a.id != failed.id)


def _judge_sender(message: Message, attempt: Attempt, outcome: Outcome, *, now: datetime) -> None:
    """Begin an outage of the sender if the report shows that it failed, and give the message to another sender."""
    if outcome.scope is not Scope.MESSAGE:
        outages.trip(attempt.sender_id, address=message.address, outcome=outcome, now=now)
    if outcome.kind in SENDERS_FAULT and outages.pass_on([message.id], now=now):
        notify()


def _is_old(message: Message, outcome: Outcome) -> bool:
    """Whether a report on an attempt that has failed already is out of date.

    A report of progress is out of date unless it reports a delivery. A report of failure is out of date while the
    message waits for its next attempt (WAITING), which the report must not disturb.
    """
    if outcome.kind is Kind.ACCEPTED:
        return outcome.state is not State.DELIVERED
    return message.state in WAITING


def _attempt_outcome(outcome: Outcome) -> AttemptOutcome:
    return {
        State.DELIVERED: AttemptOutcome.DELIVERED,
        State.UNDELIVERED: AttemptOutcome.UNDELIVERED,
        State.FAILED: AttemptOutcome.UNDELIVERED,
    }.get(outcome.state, AttemptOutcome.ACCEPTED)


def _is_news(attempt: Attempt, outcome: Outcome) -> bool:
    """Whether the report says more of the attempt than its row.

    After DELIVERED or UNDELIVERED only a report of a delivery does.
    """
    is_settled = attempt.outcome in (AttemptOutcome.DELIVERED, AttemptOutcome.UNDELIVERED)
    if is_settled and _attempt_outcome(outcome) is not AttemptOutcome.DELIVERED:
        return False
    return (attempt.outcome, attempt.provider_id) != (_attempt_outcome(outcome), outcome.provider_id)


_WRITE_ATTEMPT = "UPDATE messaging_attempt SET outcome = %s, provider_id = %s, error_code = %s WHERE id = %s"


def _update(attempt: Attempt, outcome: Outcome) -> None:
    """Write the report's outcome, code and provider id to the attempt, if they are news."""
    if not _is_news(attempt, outcome):
        return
    attempt.outcome = _attempt_outcome(outcome)
    # A look-up recognises attempts by address and text, so it may have given this provider id to another attempt.
    if not attempt.provider_id and not Attempt.objects.filter(provider_id=outcome.provider_id).exists():
        attempt.provider_id = outcome.provider_id
    attempt.error_code = outcome.code
    rows(_WRITE_ATTEMPT, [str(attempt.outcome), attempt.provider_id, attempt.error_code, attempt.id])


def _change(message: Message, attempt: Attempt, outcome: Outcome, *, now: datetime) -> Change:
    to, due_at = outcome.state, now + policy.AWAITING_CALLBACK
    if outcome.kind in (Kind.TRANSIENT, Kind.UNRECOGNISED) and may_try_again(message, now=now):
        # The provider has given this attempt up, so another one cannot reach the phone as a second message.
        to, due_at = State.QUEUED, now + policy.CARRIER_RETRY
    elif (
        outcome.kind in SENDERS_FAULT and may_try_again(message, now=now) and outages.has_alternative(message, now=now)
    ):
        # Only at another sender; if there is none, the message ends.
        to, due_at = State.QUEUED, now
    return Change(id=message.id, to=to, due_at=due_at, error_code=outcome.code, attempt_id=attempt.id)


def may_try_again(message: Message, *, now: datetime) -> bool:
    """Whether the message may have one more attempt after a failed one that the provider had accepted.

    It needs a text, a deadline after `now`, and fewer attempts that the provider may have created than _PAID_ATTEMPTS:
    each of them costs money.
    """
    created = Attempt.objects.filter(message=message).exclude(outcome=AttemptOutcome.NOT_CREATED).count()
    return message.text is not None and created < _PAID_ATTEMPTS and now < message.deadline_at
