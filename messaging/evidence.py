"""What the provider tells of a message after the call: by callback or look-up, late, twice, in any order."""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction

from messaging import clock, optouts, outages, policy
from messaging.alarms import alarm
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message
from messaging.moves import Change, move
from messaging.notices import notify
from messaging.providers import Kind, Outcome, Scope
from messaging.states import FINAL, State

log = structlog.get_logger(__name__)

_HAS_IT = (AttemptOutcome.ACCEPTED, AttemptOutcome.DELIVERED)
# No move leads away from these.
_UNCHANGEABLE = tuple(state for state in FINAL if state is not State.UNCONFIRMED)
# Another call that may still reach the phone: a failure of this one does not speak for the message.
_STILL_HOPEFUL = {*_HAS_IT, AttemptOutcome.SENDING}
# A carrier's temporary failure is worth this many calls in all; each is a paid message.
_CALLS_PER_MESSAGE = 3


class UnknownAttempt(Exception):
    """No attempt has this id."""


def learn(attempt_id: UUID, outcome: Outcome, *, by: Deliverer) -> bool:
    """Apply evidence for one attempt; returns whether the message moved. A repeat, or news older than what is known,
    moves nothing and writes nothing. Raises UnknownAttempt."""
    attempt = Attempt.objects.select_related("message").defer("message__text").filter(id=attempt_id).first()
    if attempt is None:
        raise UnknownAttempt(attempt_id)
    # What is repeated or replayed comes mostly after the end, which nothing changes: one read, no lock, no transaction.
    if attempt.message.state in _UNCHANGEABLE and not _is_news(attempt, outcome):
        return False
    return _apply(attempt_id, outcome, by=by)


@transaction.atomic
def _apply(attempt_id: UUID, outcome: Outcome, *, by: Deliverer) -> bool:
    now = clock.lock_briefly()
    message = _locked_message(attempt_id)
    attempts = list(Attempt.objects.filter(message_id=message.id))
    attempt = next(a for a in attempts if a.id == attempt_id)
    had_failed = attempt.outcome == AttemptOutcome.UNDELIVERED
    _note(attempt, outcome)
    if had_failed and _is_old(message, outcome):
        return False
    others = {a.outcome for a in attempts if a.id != attempt_id}
    if outcome.kind is not Kind.ACCEPTED and others & _STILL_HOPEFUL:
        return False
    change = _change(message, attempt, outcome, now=now)
    if change.to == message.state or not move([change], by=by, now=now):
        return False
    if outcome.kind in (Kind.CONFIGURATION, Kind.QUOTA, Kind.UNRECOGNISED):
        alarm(f"provider_{outcome.kind.value}", now=now, provider_code=outcome.code, message_id=message.id)
        _judge_sender(message, attempt, outcome, now=now)
    if outcome.code == optouts.REFUSED_CODE:
        optouts.remember(message.address, reason=outcome.code, now=now)
    return True


def _judge_sender(message: Message, attempt: Attempt, outcome: Outcome, *, now: datetime) -> None:
    """What the sender could not do, the next one may."""
    if outcome.scope is not Scope.MESSAGE:
        outages.trip(attempt.sender_id, address=message.address, outcome=outcome, now=now)
    if outcome.kind is Kind.CONFIGURATION and outages.pass_on([message.id], now=now):
        notify()


def _is_old(message: Message, outcome: Outcome) -> bool:
    """Whether news of an attempt that has failed already says nothing: the message may be waiting for its next one."""
    if outcome.kind is Kind.ACCEPTED:
        return outcome.state is not State.DELIVERED
    return message.state in (State.QUEUED, State.DISPATCHED)


def _locked_message(attempt_id: UUID) -> Message:
    """The message's row orders all evidence for its attempts."""
    message = Message.objects.select_for_update(no_key=True, of=("self",)).filter(attempt__id=attempt_id).first()
    if message is None:
        raise UnknownAttempt(attempt_id)
    return message


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
    attempt.save(update_fields=["outcome", "provider_id", "error_code"])


def _change(message: Message, attempt: Attempt, outcome: Outcome, *, now: datetime) -> Change:
    to, due_at = outcome.state, now + policy.AWAITING_CALLBACK
    if outcome.kind in (Kind.TRANSIENT, Kind.UNRECOGNISED) and _may_try_again(message, now=now):
        # The provider has certainly given this one up: another call cannot make two.
        to, due_at = State.QUEUED, now + policy.CARRIER_RETRY
    elif (
        outcome.kind is Kind.CONFIGURATION
        and _may_try_again(message, now=now)
        and outages.has_alternative(message, now=now)
    ):
        # Not at this sender again: without another one this is the end.
        to, due_at = State.QUEUED, now
    return Change(id=message.id, to=to, due_at=due_at, error_code=outcome.code, attempt_id=attempt.id)


def _may_try_again(message: Message, *, now: datetime) -> bool:
    created = Attempt.objects.filter(message=message).exclude(outcome=AttemptOutcome.NOT_CREATED).count()
    return message.text is not None and created < _CALLS_PER_MESSAGE and now < message.deadline_at
