from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from messaging import policy
from messaging.database import clock
from messaging.database.notices import CHANNEL
from messaging.models import AttemptOutcome, Message, MessageClass, MessageEvent, OperatorAlarm, OptOut
from messaging.outbox import outgoing
from messaging.states import State
from tests.messaging.engine import (
    ANA,
    BEN,
    attempt_of,
    attempts,
    queued,
    sms,
    standing,
    state_of,
    story,
)

HOUR = timedelta(hours=1)
CEILING = policy.PER_RECIPIENT_AND_HOUR[MessageClass.EMERGENCY]


def queue_and_roll_back() -> None:
    with transaction.atomic():
        outgoing.queue([sms()], now=clock.now())
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_messages_are_written_in_order_with_class_rank_and_segments() -> None:
    messages = queued(
        sms("Помогите", rank=1),
        sms("я" * 71, to=BEN, kind=MessageClass.SAFETY),
    )
    first, second = Message.objects.order_by("id")
    assert [m.id for m in messages] == [first.id, second.id]
    assert (first.address, first.message_class, first.rank, first.segments) == (ANA, MessageClass.EMERGENCY, 1, 1)
    assert (second.address, second.message_class, second.rank, second.segments) == (BEN, MessageClass.SAFETY, 0, 2)
    assert story(first.id) == story(second.id) == [State.QUEUED]
    assert first.due_at == first.queued_at


@pytest.mark.django_db
@pytest.mark.parametrize("kind", MessageClass)
def test_each_class_has_its_deadline_unless_one_is_given(kind: MessageClass) -> None:
    now = clock.now()
    code_dies = now + timedelta(minutes=7)
    own = outgoing.Outgoing(address=BEN, text="Help", message_class=kind, deadline_at=code_dies)
    [usual, given] = outgoing.queue([sms(kind=kind), own], now=now)
    assert usual.deadline_at == now + policy.DEFAULT_DEADLINES[kind]
    assert given.deadline_at == code_dies


@pytest.mark.django_db(transaction=True)
def test_nothing_remains_of_a_transaction_that_rolls_back() -> None:
    queue_and_roll_back()
    assert not Message.objects.exists()
    assert not MessageEvent.objects.exists()


@pytest.mark.django_db
def test_a_number_outside_the_countries_fails_at_once_without_a_text() -> None:
    [refused, fine] = queued(sms(to="+77012345678"), sms())
    refused.refresh_from_db()
    assert (refused.state, refused.error_code, refused.text) == (State.FAILED, "country_not_allowed", None)
    assert refused.final_at is not None
    assert story(refused.id) == [State.FAILED]
    assert state_of(fine.id) == State.QUEUED


@pytest.mark.django_db
def test_emergencies_without_end_to_one_phone_are_refused_and_the_operator_alarmed() -> None:
    queued(*[sms() for _ in range(CEILING - 1)])
    last, beyond, other = queued(sms(), sms(), sms(to=BEN))
    assert [m.state for m in (last, beyond, other)] == [State.QUEUED, State.FAILED, State.QUEUED]
    assert beyond.error_code == "recipient_ceiling"
    alarm = OperatorAlarm.objects.get()
    assert (alarm.code, alarm.times, alarm.detail) == ("recipient_ceiling", 1, {"message_id": beyond.id})


@pytest.mark.django_db
def test_the_ceiling_counts_neither_refusals_nor_cancelled_nor_older_ones_nor_other_classes() -> None:
    first, *_ = queued(*[sms() for _ in range(CEILING)])
    queued(sms())  # Refused: the hour is used up.
    assert queued(sms(kind=MessageClass.SAFETY))[0].state == State.QUEUED
    assert outgoing.cancel([first.id], now=clock.now()) == {first.id}
    assert queued(sms())[0].state == State.QUEUED
    assert queued(sms())[0].state == State.FAILED
    Message.objects.update(queued_at=clock.now() - HOUR)
    assert queued(sms())[0].state == State.QUEUED


@pytest.mark.django_db
@pytest.mark.parametrize("stands_alone", [True, False])
def test_a_number_that_opted_out_gets_no_safety_sms_even_one_that_stands_alone(stands_alone: bool) -> None:
    OptOut.objects.create(address=ANA, reason="STOP", since=clock.now())
    item = outgoing.Outgoing(address=ANA, text="TEST", message_class=MessageClass.SAFETY, stands_alone=stands_alone)
    [message] = queued(item)
    assert (message.state, message.error_code) == (State.FAILED, "opted_out")


@pytest.fixture
def listener(transactional_db: None) -> Iterator["psycopg.Connection[Any]"]:
    parameters = connection.get_connection_params()
    for ours in ("pool", "cursor_factory", "context", "prepare_threshold"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters, autocommit=True) as listening:
        listening.execute(f"LISTEN {CHANNEL}")
        yield listening


def heard(listening: "psycopg.Connection[Any]", timeout_s: float) -> int:
    return len(list(listening.notifies(timeout=timeout_s, stop_after=1)))


def test_the_notice_comes_with_the_commit_and_not_before(listener: "psycopg.Connection[Any]") -> None:
    with transaction.atomic():
        outgoing.queue([sms()], now=clock.now())
        assert heard(listener, 0.3) == 0
    assert heard(listener, 5) == 1


def test_a_rolled_back_transaction_wakes_nobody(listener: "psycopg.Connection[Any]") -> None:
    queue_and_roll_back()
    assert heard(listener, 0.3) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("state", State)
def test_only_what_no_process_has_begun_to_send_is_cancelled(state: State) -> None:
    message = standing(state)
    certain = outgoing.cancel([message.id, message.id, 987_654], now=clock.now())
    if state in (State.QUEUED, State.DISPATCHED):
        assert certain == {message.id}
        assert state_of(message.id) == State.CANCELLED
    else:
        assert certain == set()
        assert state_of(message.id) == state


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "is_certain"),
    [(AttemptOutcome.NOT_CREATED, True), (AttemptOutcome.UNDELIVERED, True), (AttemptOutcome.UNKNOWN, False)],
)
def test_a_cancelled_retry_is_certain_only_if_the_first_call_is(outcome: AttemptOutcome, is_certain: bool) -> None:
    message = standing(State.QUEUED)
    attempt_of(message, outcome=outcome)
    assert (message.id in outgoing.cancel([message.id], now=clock.now())) is is_certain
    assert state_of(message.id) == (State.CANCELLED if is_certain else State.UNCONFIRMED)
    assert len(attempts(message.id)) == 1


@pytest.mark.django_db
def test_queueing_nothing_does_nothing() -> None:
    assert outgoing.queue([], now=clock.now()) == []
