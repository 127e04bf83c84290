"""What the provider tells of a message after the call: by callback or look-up, late, twice, in any order."""

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
# A carrier's temporary failure is worth this many calls in all; each is a paid message.
_CALLS_PER_MESSAGE = 3


class UnknownAttempt(Exception):
    """No attempt has this id."""


def learn(attempt_id: UUID, outcome: Outcome, *, by: Deliverer) -> bool:
    """Apply evidence for one attempt; returns whether the message moved. A repeat, or news older than what is known,
    moves nothing and writes nothing. Raises UnknownAttempt."""
    found = _read(_ATTEMPT, [attempt_id])
    if not found:
        raise UnknownAttempt(attempt_id)
    [attempt] = found
    # Half of what is told, and all that is replayed, says nothing new: one read, no lock, no transaction.
    if not _is_news(attempt, outcome) and not _can_move(attempt.message_state, outcome):
        return False
    return _apply(attempt, outcome, by=by)


# By hand: the ORM takes longer to say these than PostgreSQL to answer, and callbacks come by the hundred a second.
_ATTEMPT = """
SELECT a.id, a.message_id, a.outcome, a.provider_id, m.state AS message_state
FROM messaging_attempt a JOIN messaging_message m ON m.id = a.message_id WHERE a.id = %s
"""
_ATTEMPTS = (
    "SELECT id, sender_id, number, outcome, provider_id, error_code FROM messaging_attempt WHERE message_id = %s"
)
# The message's row orders all evidence for its attempts.
_LOCKED_MESSAGE = (
    "SELECT id, address, state, attempts, deadline_at FROM messaging_message WHERE id = %s FOR NO KEY UPDATE"
)


def _read(statement: str, parameters: list[Any]) -> list[Any]:
    return list(Attempt.objects.raw(statement, parameters))


def _can_move(state: str, outcome: Outcome) -> bool:
    """Whether a message in this state may still be moved by such news. Of a failure more has to be known."""
    if outcome.kind is Kind.ACCEPTED:
        return f"{state}>{outcome.state}" in MOVES
    return state not in SETTLED


@transaction.atomic
def _apply(known: Attempt, outcome: Outcome, *, by: Deliverer) -> bool:
    now = clock.lock_briefly()
    [message] = Message.objects.raw(_LOCKED_MESSAGE, [known.message_id])
    attempts = _read(_ATTEMPTS, [message.id])
    attempt = next(a for a in attempts if a.id == known.id)
    had_failed = attempt.outcome == AttemptOutcome.UNDELIVERED
    _note(attempt, outcome)
    if had_failed and _is_old(message, outcome):
        return False
    if outcome.kind is not Kind.ACCEPTED and _is_hope_left(message, attempt, attempts):
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


def _is_hope_left(message: Message, failed: Attempt, attempts: Sequence[Attempt]) -> bool:
    """Whether another call may still reach the phone, or is being looked for: a failure of this one does not speak
    for the message."""
    if message.state == State.UNKNOWN and failed.number != message.attempts:
        return True
    return any(a.outcome in _STILL_HOPEFUL for a in attempts if a.id != failed.id)


def _judge_sender(message: Message, attempt: Attempt, outcome: Outcome, *, now: datetime) -> None:
    """What the sender could not do, the next one may."""
    if outcome.scope is not Scope.MESSAGE:
        outages.trip(attempt.sender_id, address=message.address, outcome=outcome, now=now)
    if outcome.kind in SENDERS_FAULT and outages.pass_on([message.id], now=now):
        notify()


def _is_old(message: Message, outcome: Outcome) -> bool:
    """Whether news of an attempt that has failed already says nothing: the message may be waiting for its next one."""
    if outcome.kind is Kind.ACCEPTED:
        return outcome.state is not State.DELIVERED
    return message.state in WAITING


def _heard(outcome: Outcome) -> AttemptOutcome:
    return {
        State.DELIVERED: AttemptOutcome.DELIVERED,
        State.UNDELIVERED: AttemptOutcome.UNDELIVERED,
        State.FAILED: AttemptOutcome.UNDELIVERED,
    }.get(outcome.state, AttemptOutcome.ACCEPTED)


def _is_news(attempt: Attempt, outcome: Outcome) -> bool:
    """Whether it says more of the attempt than is known; a delivery is never unlearnt."""
    is_settled = attempt.outcome in (AttemptOutcome.DELIVERED, AttemptOutcome.UNDELIVERED)
    if is_settled and _heard(outcome) is not AttemptOutcome.DELIVERED:
        return False
    return (attempt.outcome, attempt.provider_id) != (_heard(outcome), outcome.provider_id)


def _note(attempt: Attempt, outcome: Outcome) -> None:
    """Write what the attempt now stands at."""
    if not _is_news(attempt, outcome):
        return
    attempt.outcome = _heard(outcome)
    # A look-up may have taken this provider id for another attempt's; the URL of a callback is no guess.
    if not attempt.provider_id and not Attempt.objects.filter(provider_id=outcome.provider_id).exists():
        attempt.provider_id = outcome.provider_id
    attempt.error_code = outcome.code
    rows(
        "UPDATE messaging_attempt SET outcome = %s, provider_id = %s, error_code = %s WHERE id = %s",
        [str(attempt.outcome), attempt.provider_id, attempt.error_code, attempt.id],
    )


def _change(message: Message, attempt: Attempt, outcome: Outcome, *, now: datetime) -> Change:
    to, due_at = outcome.state, now + policy.AWAITING_CALLBACK
    if outcome.kind in (Kind.TRANSIENT, Kind.UNRECOGNISED) and may_try_again(message, now=now):
        # The provider has certainly given this one up: another call cannot make two.
        to, due_at = State.QUEUED, now + policy.CARRIER_RETRY
    elif (
        outcome.kind in SENDERS_FAULT and may_try_again(message, now=now) and outages.has_alternative(message, now=now)
    ):
        # Not at this sender again: without another one this is the end.
        to, due_at = State.QUEUED, now
    return Change(id=message.id, to=to, due_at=due_at, error_code=outcome.code, attempt_id=attempt.id)


def may_try_again(message: Message, *, now: datetime) -> bool:
    """Whether a call more is worth its price: none that the provider had has reached the phone."""
    created = Attempt.objects.filter(message=message).exclude(outcome=AttemptOutcome.NOT_CREATED).count()
    return message.text is not None and created < _CALLS_PER_MESSAGE and now < message.deadline_at
