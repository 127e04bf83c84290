"""Writes the outcomes of attempts: one thread for each courier collects them for 20 ms and writes them together."""

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction

from messaging import policy
from messaging.database import clock
from messaging.database.notices import notify
from messaging.database.sql import is_out_of_reach, rows
from messaging.delivery import outages
from messaging.delivery.claims import Claim
from messaging.models import URGENT, Attempt, AttemptOutcome, Channel, Deliverer
from messaging.moves import Change, move
from messaging.operations.alarms import alarm
from messaging.outbox import optouts
from messaging.providers import ALARMING, SENDERS_FAULT, SLOT_MISSED, Failure, Kind, Outcome, Scope
from messaging.states import State

log = structlog.get_logger(__name__)

# One transaction for all attempts that finish within this time costs far less than one for each.
COALESCE_S = 0.02
# At most this many attempts are written in one transaction.
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    claim: Claim
    outcome: Outcome


class OutcomeWriter:
    """Takes finished attempts from the courier's event loop and writes their outcomes to the database.

    Calls `on_written` with each batch afterwards, also with an attempt whose outcome the database refused.
    """

    def __init__(self, *, by: Deliverer, on_written: Callable[[Sequence[FinishedAttempt]], None]) -> None:
        self._by = by
        self._on_written = on_written
        self._finished: queue.SimpleQueue[FinishedAttempt] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="outcome-writer", daemon=True).start()

    def put(self, finished: FinishedAttempt) -> None:
        self._finished.put(finished)

    def _run(self) -> None:
        while True:
            batch = [self._finished.get()]
            time.sleep(COALESCE_S)
            while len(batch) < _BATCH and not self._finished.empty():
                batch.append(self._finished.get_nowait())
            self._write(batch)
            self._on_written(batch)

    def _write(self, batch: list[FinishedAttempt]) -> None:
        """Write the batch; retry while the database is out of reach, because no other process knows these replies.

        After any other error write each attempt singly. Writing a batch twice does no harm, because its moves are
        conditional.
        """
        pause_s = 0.1
        while True:
            try:
                write_outcomes(batch, by=self._by)
                connection.close()
            except Exception as error:  # noqa: BLE001 this thread writes all outcomes, so no error may end it
                connection.close()
                if not is_out_of_reach(error):
                    return self._write_singly(batch, error)
                log.warning("outcomes_not_recorded_yet", count=len(batch), error=type(error).__name__)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, 2.0)
            else:
                return None

    def _write_singly(self, batch: list[FinishedAttempt], error: Exception) -> None:
        """Write each attempt by itself after the database refused the batch, so that one reply holds up no other.

        The cause is a reply that cannot be stored, or a provider id that another attempt has already. An attempt that
        is refused alone is written without the provider's words (`_bare`). If that is refused too, it is given up.
        """
        log.error("outcome_refused", count=len(batch), error=type(error).__name__)
        if len(batch) > 1:
            for finished in batch:
                self._write([finished])
        elif (bare := _bare(batch[0])) != batch[0]:
            self._write([bare])


def write_outcomes(batch: Sequence[FinishedAttempt], *, by: Deliverer) -> None:
    """Write the outcomes to the attempts and move their messages, in one transaction.

    Also raise alarms, begin or end outages of senders, and store or delete opt-outs that the provider reported.
    """
    with transaction.atomic():
        now = clock.set_short_timeouts()
        failed = _failed_meanwhile(batch)
        changes = [_change(finished, failed=failed, now=now) for finished in batch]
        move(changes, by=by, now=now)
        if any(change.to is State.QUEUED and change.due_at == now for change in changes):
            notify()
        _write_attempts(batch, now=now)
        _raise_alarms(batch, now=now)
        _judge_senders(batch, failed=failed, now=now)


def _bare(finished: FinishedAttempt) -> FinishedAttempt:
    """The finished attempt without the provider's own words, the only part that the database can refuse."""
    return replace(finished, outcome=replace(finished.outcome, code="unstorable", provider_id=""))


_LOCK_MESSAGES = "SELECT FROM messaging_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_UNDELIVERED = "SELECT id FROM messaging_attempt WHERE id = ANY(%s) AND outcome = 'undelivered'"


def _failed_meanwhile(batch: Sequence[FinishedAttempt]) -> set[UUID]:
    """Ids of attempts whose failure a callback has reported before the reply to their request is written.

    Locks the messages, as applying a delivery report does.
    """
    rows(_LOCK_MESSAGES, [[finished.claim.message_id for finished in batch]])
    # A second statement sees the reports that were committed while the first one waited for its locks.
    found = rows(_UNDELIVERED, [[finished.claim.attempt_id for finished in batch]])
    return {attempt_id for (attempt_id,) in found}


def _change(finished: FinishedAttempt, *, failed: set[UUID], now: datetime) -> Change:
    claim, outcome = finished.claim, finished.outcome
    if outcome.kind is Kind.ACCEPTED:
        # The provider has a message of ours, even when this is not the latest attempt. After a reported failure the
        # message may already wait for its next attempt, so then it moves only from `sending` or `unknown`.
        return Change(
            id=claim.message_id,
            to=outcome.state,
            due_at=now + policy.AWAITING_CALLBACK,
            attempt_id=claim.attempt_id,
            only_while_open=claim.attempt_id in failed,
        )
    attempts = _sent_attempts(claim) if outcome.kind is Kind.UNRECOGNISED else claim.attempt
    to, due_at = after_failure(outcome, attempts=attempts, is_urgent=claim.message_class in URGENT, now=now)
    return Change(
        id=claim.message_id,
        to=to,
        due_at=due_at,
        error_code=outcome.code[:40],
        attempt_id=claim.attempt_id,
        attempt=claim.attempt,
        only_while_open=True,
    )


def after_failure(outcome: Outcome, *, attempts: int, is_urgent: bool, now: datetime) -> tuple[State, datetime]:
    """The next state of a message after `attempts` attempts without acceptance, and when it is due in that state.

    A message that may succeed later is queued again until its deadline. Only a RECIPIENT outcome, or the last of
    MAX_ATTEMPTS_UNKNOWN_CODE attempts with a code that is not in the provider's table, ends the message at once.
    """
    match outcome.kind:
        case Kind.UNKNOWN:
            return State.UNKNOWN, now
        case Kind.RECIPIENT:
            return outcome.state if outcome.provider_id else State.FAILED, now
        case Kind.UNRECOGNISED if attempts >= policy.MAX_ATTEMPTS_UNKNOWN_CODE:
            return State.FAILED, now
        case Kind.QUOTA if not is_urgent:
            return State.QUEUED, now + policy.QUOTA_RETRY
        case Kind.CONFIGURATION | Kind.QUOTA:
            return State.QUEUED, now + policy.CONFIGURATION_RETRY
    if outcome.retry_after_s is not None:
        return State.QUEUED, now + timedelta(seconds=outcome.retry_after_s)
    return State.QUEUED, now + backoff(attempts, is_urgent=is_urgent)


def _sent_attempts(claim: Claim) -> int:
    """The number of the message's attempts whose create request left.

    An attempt that missed its slot sent no request.
    """
    return Attempt.objects.filter(message_id=claim.message_id).exclude(error_code=SLOT_MISSED).count()


def backoff(attempts: int, *, is_urgent: bool) -> timedelta:
    """The wait before the next attempt: doubled from 1 s up to a cap, then shortened at random by up to one half.

    The random part keeps messages that failed together from being tried again together.
    """
    cap = policy.URGENT_BACKOFF_CAP if is_urgent else policy.BACKOFF_CAP
    ceiling = min(2.0 ** min(attempts, 10) / 2, cap.total_seconds())
    return timedelta(seconds=ceiling * random.uniform(0.5, 1))  # noqa: S311  # not a secret  # nosec B311


_WRITE_ATTEMPTS = """
UPDATE messaging_attempt a SET
    outcome = CASE WHEN a.outcome IN ('sending', 'unknown', 'not_created') THEN r.outcome ELSE a.outcome END,
    error_code = CASE WHEN r.code = '' THEN a.error_code ELSE r.code END,
    provider_id = CASE WHEN r.provider_id = '' THEN a.provider_id ELSE r.provider_id END,
    deadline_at = CASE WHEN r.has_ended THEN least(a.deadline_at, %(now)s) ELSE a.deadline_at END
FROM unnest(%(ids)s::uuid[], %(outcomes)s::text[], %(codes)s::text[], %(provider_ids)s::text[], %(have_ended)s::bool[])
    AS r (id, outcome, code, provider_id, has_ended)
WHERE a.id = r.id
"""
_ATTEMPT_OUTCOMES = {Kind.ACCEPTED: AttemptOutcome.ACCEPTED, Kind.UNKNOWN: AttemptOutcome.UNKNOWN}


def _write_attempts(batch: Sequence[FinishedAttempt], *, now: datetime) -> None:
    """Write each reply to its attempt. An outcome that a delivery report has written before stays.

    A code of digits is the provider's own error: it has finished with the request. The attempt then ends now, so that
    a look-up need not wait for its time-out.
    """
    rows(
        _WRITE_ATTEMPTS,
        {
            "now": now,
            "ids": [r.claim.attempt_id for r in batch],
            "outcomes": [str(_ATTEMPT_OUTCOMES.get(r.outcome.kind, AttemptOutcome.NOT_CREATED)) for r in batch],
            "codes": [r.outcome.code[:40] for r in batch],
            "provider_ids": [r.outcome.provider_id for r in batch],
            "have_ended": [r.outcome.code.isdigit() for r in batch],
        },
    )


def _raise_alarms(batch: Sequence[FinishedAttempt], *, now: datetime) -> None:
    for kind in ALARMING:
        hit = [r for r in batch if r.outcome.kind is kind]
        if hit:
            alarm(
                f"provider_{kind.value}",
                now=now,
                provider_code=hit[0].outcome.code,
                sender_id=hit[0].claim.sender_id,
                messages=len(hit),
            )


def _judge_senders(batch: Sequence[FinishedAttempt], *, failed: set[UUID], now: datetime) -> None:
    """After failures, begin outages, give the messages to other senders, and store opt-outs that the provider reported.

    After an accepted attempt, end the sender's outages, and delete such an opt-out of its number. Attempts in `failed`
    do not count as accepted.
    """
    unable = [r for r in batch if r.outcome.kind in SENDERS_FAULT]
    for finished in unable:
        if finished.outcome.scope is not Scope.MESSAGE:
            outages.trip(finished.claim.sender_id, address=finished.claim.address, outcome=finished.outcome, now=now)
    if unable and outages.pass_on([r.claim.message_id for r in unable], now=now):
        notify()
    accepted = [r.claim for r in batch if r.outcome.kind is Kind.ACCEPTED and r.claim.attempt_id not in failed]
    if accepted:
        outages.close(accepted)
        optouts.taken([claim.address for claim in accepted if claim.channel == Channel.SMS])
    for finished in batch:
        if finished.outcome.failure is Failure.OPTED_OUT:
            optouts.refused(finished.claim.address, now=now)
