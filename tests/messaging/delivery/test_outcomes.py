"""Outcomes are written exactly once, whatever the database or an earlier callback does in between."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction

from messaging.database import clock
from messaging.database.sql import rows
from messaging.delivery.claims import Claim, claim
from messaging.delivery.courier import Courier
from messaging.delivery.outcomes import FinishedAttempt, backoff, write_outcomes
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message, MessageEvent, OptOut
from messaging.providers import Kind, Outcome
from messaging.providers.twilio import MESSAGE
from messaging.reports import delivery_reports
from messaging.sandbox.control import SandboxControl
from messaging.states import State
from tests.messaging.engine import ANA, attempt_of, attempts, dispatched, set_pace, state_of, story

ACCEPTED = Outcome(kind=Kind.ACCEPTED, provider_id="SM1")
UNREACHABLE = Outcome(kind=Kind.TRANSIENT, code="30003", provider_id="SM1", state=State.UNDELIVERED)
BUSY = Outcome(kind=Kind.TRANSIENT, code="20429")
STOPPED = MESSAGE.judged("21610")
LOST = Outcome(kind=Kind.UNKNOWN, code="TimeoutError")


def claimed(message_id: int) -> Claim:
    [mine] = claim([message_id], by=Deliverer.WORKER)
    return mine


def write(mine: Claim, outcome: Outcome) -> None:
    write_outcomes([FinishedAttempt(claim=mine, outcome=outcome)], by=Deliverer.WORKER)


def hear(mine: Claim, outcome: Outcome) -> bool:
    return delivery_reports.apply_report(mine.attempt_id, outcome, by=Deliverer.CALLBACK)


@pytest.fixture
def mine(db: None) -> Claim:
    set_pace(0)
    return claimed(*dispatched())


@pytest.fixture
def second(db: None) -> tuple[Claim, Attempt]:
    """The claim of a second attempt, and the first attempt, whose outcome is unknown."""
    set_pace(0)
    [message_id] = dispatched(attempts=1)
    Attempt.objects.update(outcome=AttemptOutcome.UNKNOWN)
    [first] = attempts(message_id)
    return claimed(message_id), first


def test_a_reply_does_not_undo_an_earlier_callback(mine: Claim) -> None:
    delivered = Outcome(kind=Kind.ACCEPTED, provider_id="SM1", state=State.DELIVERED)
    assert hear(mine, delivered)
    write(mine, ACCEPTED)
    assert state_of(mine.message_id) == State.DELIVERED
    assert attempts(mine.message_id)[0].outcome == AttemptOutcome.DELIVERED


def test_a_lost_reply_after_a_callback_changes_nothing(mine: Claim) -> None:
    assert hear(mine, ACCEPTED)
    write(mine, LOST)
    assert state_of(mine.message_id) == State.ACCEPTED
    assert attempts(mine.message_id)[0].outcome == AttemptOutcome.ACCEPTED


def test_a_reply_does_not_cancel_the_retry_of_an_earlier_failure_report(mine: Claim) -> None:
    assert hear(mine, UNREACHABLE)
    assert state_of(mine.message_id) == State.QUEUED
    write(mine, ACCEPTED)
    assert state_of(mine.message_id) == State.QUEUED
    assert attempts(mine.message_id)[0].outcome == AttemptOutcome.UNDELIVERED


def test_a_refusal_heard_before_the_reply_is_not_forgotten_by_it(mine: Claim) -> None:
    assert hear(mine, replace(STOPPED, provider_id="SM1", state=State.UNDELIVERED))
    write(mine, ACCEPTED)
    assert [opt_out.reason for opt_out in OptOut.objects.all()] == ["21610"]
    assert attempts(mine.message_id)[0].error_code == "21610"


def test_an_accepted_reply_that_comes_after_the_proof_stops_the_second_call(mine: Claim) -> None:
    Message.objects.filter(id=mine.message_id).update(state=State.QUEUED)
    Attempt.objects.update(outcome=AttemptOutcome.NOT_CREATED)
    write(mine, ACCEPTED)
    assert state_of(mine.message_id) == State.ACCEPTED


@pytest.mark.parametrize("refusal", [BUSY, STOPPED, LOST])
def test_a_refused_second_call_does_not_undo_the_first_ones_success(
    second: tuple[Claim, Attempt], refusal: Outcome
) -> None:
    mine, first = second
    assert delivery_reports.apply_report(first.id, ACCEPTED, by=Deliverer.CALLBACK)
    write(mine, refusal)
    assert state_of(mine.message_id) == State.ACCEPTED


@pytest.mark.parametrize("refusal", [BUSY, STOPPED, LOST])
def test_a_late_reply_to_the_first_call_does_not_move_the_second(mine: Claim, refusal: Outcome) -> None:
    Message.objects.filter(id=mine.message_id).update(attempts=2)
    attempt_of(Message.objects.get(id=mine.message_id), number=2)
    write(mine, refusal)
    assert state_of(mine.message_id) == State.SENDING


def test_recording_an_outcome_twice_changes_nothing(mine: Claim) -> None:
    write(mine, ACCEPTED)
    write(mine, ACCEPTED)
    assert story(mine.message_id) == [State.SENDING, State.ACCEPTED]


def test_a_missed_slot_is_due_again_at_once(mine: Claim) -> None:
    write(mine, Outcome(kind=Kind.TRANSIENT, code="slot_missed", retry_after_s=0))
    assert Message.objects.get(id=mine.message_id).due_at <= clock.now()
    assert state_of(mine.message_id) == State.QUEUED


def test_a_batch_goes_in_together(db: None) -> None:
    set_pace(0)
    claims = claim(dispatched(100), by=Deliverer.WORKER)
    write_outcomes(
        [
            FinishedAttempt(claim=c, outcome=Outcome(kind=Kind.ACCEPTED, provider_id=f"SM{c.message_id}"))
            for c in claims
        ],
        by=Deliverer.WORKER,
    )
    assert Message.objects.filter(state=State.ACCEPTED).count() == 100
    assert Attempt.objects.filter(outcome=AttemptOutcome.ACCEPTED).count() == 100
    assert MessageEvent.objects.filter(state=State.ACCEPTED).count() == 100


@pytest.mark.parametrize(
    ("urgent", "ceilings"),
    [
        (False, {1: 1.0, 2: 2.0, 5: 16.0, 7: 60.0, 1_000: 60.0}),
        # After an outage of the provider an emergency leaves within seconds.
        (True, {1: 1.0, 2: 2.0, 4: 5.0, 1_000: 5.0}),
    ],
)
def test_backoff_doubles_up_to_its_cap_with_jitter(urgent: bool, ceilings: dict[int, float]) -> None:
    for calls, ceiling_s in ceilings.items():
        waits = {backoff(calls, is_urgent=urgent) for _ in range(50)}
        assert timedelta(seconds=ceiling_s / 2) <= min(waits)
        assert max(waits) <= timedelta(seconds=ceiling_s)
        assert len(waits) > 10


def test_a_connection_killed_while_recording_loses_no_outcome(courier: Courier, phones: SandboxControl) -> None:
    ids = dispatched(20)
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Message.objects.select_for_update(no_key=True).filter(id__in=ids))
            locked.set()
            release.wait(15)
        connection.close()

    phones.behave(latency_ms=300)
    courier.deliver(ids)
    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    assert killed_waiting_backend()
    release.set()
    holder.join(timeout=10)
    assert courier.drain(15)
    assert {state_of(i) for i in ids} == {State.ACCEPTED}
    assert all(story(i) == [State.SENDING, State.ACCEPTED] for i in ids)
    assert len(phones.messages(ANA)) == len(ids)


def killed_waiting_backend() -> bool:
    """Kill the session that waits for a lock, once there is one."""
    for _ in range(500):
        killed = rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if killed:
            return True
        time.sleep(0.01)
    return False
