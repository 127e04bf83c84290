"""Recording: what calls came to is written set-wise by one thread, with 20 ms of coalescing."""

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

COALESCE_S = 0.02
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    claim: Claim
    outcome: Outcome


class Recorder:
    """Results go in from the event loop; `on_recorded` is called with what is in the database."""

    def __init__(self, *, by: Deliverer, on_recorded: Callable[[Sequence[Result]], None]) -> None:
        self._by = by
        self._on_recorded = on_recorded
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="recorder", daemon=True).start()

    def put(self, result: Result) -> None:
        self._results.put(result)

    def _run(self) -> None:
        while True:
            batch = [self._results.get()]
            time.sleep(COALESCE_S)
            while len(batch) < _BATCH and not self._results.empty():
                batch.append(self._results.get_nowait())
            self._write(batch)
            self._on_recorded(batch)

    def _write(self, batch: list[Result]) -> None:
        """Write until it is written: only this process knows what the provider answered. The moves are conditional,
        so writing again what was half acknowledged changes nothing."""
        pause_s = 0.1
        while True:
            try:
                record(batch, by=self._by)
                connection.close()
            except Exception as error:  # noqa: BLE001 whatever it was, the thread that records everything must go on
                connection.close()
                if not is_out_of_reach(error):
                    return self._write_singly(batch, error)
                log.warning("outcomes_not_recorded_yet", count=len(batch), error=type(error).__name__)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, 2.0)
            else:
                return None

    def _write_singly(self, batch: list[Result], error: Exception) -> None:
        """One reply that cannot be stored, or a provider id that another attempt has, must not hold up the rest."""
        log.error("outcome_refused", count=len(batch), error=type(error).__name__)
        if len(batch) > 1:
            for result in batch:
                self._write([result])
        elif (bare := _bare(batch[0])) != batch[0]:
            self._write([bare])


def record(results: Sequence[Result], *, by: Deliverer) -> None:
    """Write outcomes of calls: the attempts, and the moves they mean for their messages."""
    with transaction.atomic():
        now = clock.lock_briefly()
        failed = _failed_meanwhile(results)
        changes = [_change(result, failed=failed, now=now) for result in results]
        move(changes, by=by, now=now)
        if any(change.to is State.QUEUED and change.due_at == now for change in changes):
            notify()
        _record_attempts(results, now=now)
        _raise_alarms(results, now=now)
        _judge_senders(results, failed=failed, now=now)


def _bare(result: Result) -> Result:
    """The same outcome without the provider's own words: these the database can always take."""
    return replace(result, outcome=replace(result.outcome, code="unstorable", provider_id=""))


def _failed_meanwhile(results: Sequence[Result]) -> set[UUID]:
    """Attempts whose failure a callback told before the reply was recorded; locks the messages, as evidence does."""
    rows(
        "SELECT FROM messaging_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [[result.claim.message_id for result in results]],
    )
    # A statement of its own: what committed while the first one waited for its locks is seen.
    found = rows(
        "SELECT id FROM messaging_attempt WHERE id = ANY(%s) AND outcome = %s",
        [[result.claim.attempt_id for result in results], AttemptOutcome.UNDELIVERED],
    )
    return {attempt_id for (attempt_id,) in found}


def _change(result: Result, *, failed: set[UUID], now: datetime) -> Change:
    claim, outcome = result.claim, result.outcome
    if outcome.kind is Kind.ACCEPTED:
        # True whatever happened since: the latest attempt or not, the provider has a message of ours. Unless it has
        # failed already: then the message may be waiting for its next attempt.
        return Change(
            id=claim.message_id,
            to=outcome.state,
            due_at=now + policy.AWAITING_CALLBACK,
            attempt_id=claim.attempt_id,
            only_while_open=claim.attempt_id in failed,
        )
    calls = _calls(claim) if outcome.kind is Kind.UNRECOGNISED else claim.attempt
    to, due_at = after_failure(outcome, calls=calls, is_urgent=claim.message_class in URGENT, now=now)
    return Change(
        id=claim.message_id,
        to=to,
        due_at=due_at,
        error_code=outcome.code[:40],
        attempt_id=claim.attempt_id,
        attempt=claim.attempt,
        only_while_open=True,
    )


def after_failure(outcome: Outcome, *, calls: int, is_urgent: bool, now: datetime) -> tuple[State, datetime]:
    """Where a message goes that was not accepted by so many calls, and when it is due there.

    What may succeed later waits in the outbox until its deadline; only a recipient's refusal ends it at once.
    """
    match outcome.kind:
        case Kind.UNKNOWN:
            return State.UNKNOWN, now
        case Kind.RECIPIENT:
            return outcome.state if outcome.provider_id else State.FAILED, now
        case Kind.UNRECOGNISED if calls >= policy.MAX_ATTEMPTS_UNKNOWN_CODE:
            return State.FAILED, now
        case Kind.QUOTA if not is_urgent:
            return State.QUEUED, now + policy.QUOTA_RETRY
        case Kind.CONFIGURATION | Kind.QUOTA:
            return State.QUEUED, now + policy.CONFIGURATION_RETRY
    if outcome.retry_after_s is not None:
        return State.QUEUED, now + timedelta(seconds=outcome.retry_after_s)
    return State.QUEUED, now + backoff(calls, is_urgent=is_urgent)


def _calls(claim: Claim) -> int:
    """Calls that were made for the message: a slot that was missed is none."""
    return Attempt.objects.filter(message_id=claim.message_id).exclude(error_code=SLOT_MISSED).count()


def backoff(calls: int, *, is_urgent: bool) -> timedelta:
    """Exponential from half a second, capped, with full jitter in its upper half so that retries do not meet."""
    cap = policy.URGENT_BACKOFF_CAP if is_urgent else policy.BACKOFF_CAP
    ceiling = min(2.0 ** min(calls, 10) / 2, cap.total_seconds())
    return timedelta(seconds=ceiling * random.uniform(0.5, 1))  # noqa: S311 not a secret


_ATTEMPT_OUTCOMES = {Kind.ACCEPTED: AttemptOutcome.ACCEPTED, Kind.UNKNOWN: AttemptOutcome.UNKNOWN}


def _record_attempts(results: Sequence[Result], *, now: datetime) -> None:
    """A callback may have told more already; the reply only fills in what is still open.

    After an error of its own the provider has finished with the call: a look-up need not wait for its deadline.
    """
    rows(
        "UPDATE messaging_attempt a SET outcome = CASE WHEN a.outcome IN ('sending', 'unknown', 'not_created')"
        " THEN r.outcome ELSE a.outcome END,"
        " error_code = CASE WHEN r.code = '' THEN a.error_code ELSE r.code END,"
        " provider_id = CASE WHEN r.provider_id = '' THEN a.provider_id ELSE r.provider_id END,"
        " deadline_at = CASE WHEN r.ended THEN least(a.deadline_at, %s) ELSE a.deadline_at END"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::bool[])"
        " AS r (id, outcome, code, provider_id, ended) WHERE a.id = r.id",
        [
            now,
            [r.claim.attempt_id for r in results],
            [str(_ATTEMPT_OUTCOMES.get(r.outcome.kind, AttemptOutcome.NOT_CREATED)) for r in results],
            [r.outcome.code[:40] for r in results],
            [r.outcome.provider_id for r in results],
            [r.outcome.code.isdigit() for r in results],
        ],
    )


def _raise_alarms(results: Sequence[Result], *, now: datetime) -> None:
    for kind in ALARMING:
        hit = [r for r in results if r.outcome.kind is kind]
        if hit:
            alarm(
                f"provider_{kind.value}",
                now=now,
                provider_code=hit[0].outcome.code,
                sender_id=hit[0].claim.sender_id,
                messages=len(hit),
            )


def _judge_senders(results: Sequence[Result], *, failed: set[UUID], now: datetime) -> None:
    """A sender that cannot send is taken out and its message passed on; who refuses our SMS is remembered."""
    unable = [r for r in results if r.outcome.kind in SENDERS_FAULT]
    for result in unable:
        if result.outcome.scope is not Scope.MESSAGE:
            outages.trip(result.claim.sender_id, address=result.claim.address, outcome=result.outcome, now=now)
    if unable and outages.pass_on([r.claim.message_id for r in unable], now=now):
        notify()
    accepted = [r.claim for r in results if r.outcome.kind is Kind.ACCEPTED and r.claim.attempt_id not in failed]
    if accepted:
        outages.close(accepted)
        optouts.taken([claim.address for claim in accepted if claim.channel == Channel.SMS])
    for result in results:
        if result.outcome.failure is Failure.OPTED_OUT:
            optouts.refused(result.claim.address, now=now)
