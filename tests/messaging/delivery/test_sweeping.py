from datetime import timedelta

import pytest

from messaging.database import clock
from messaging.delivery.sweeping import overdue, sweep
from messaging.models import URGENT, Attempt, AttemptOutcome, Message, MessageClass, OperatorAlarm, Sender
from messaging.outbox.senders import DEFAULT
from messaging.states import FINAL, State
from tests.messaging.engine import attempt_ids, standing, state_of, story
from tests.race import at_once

SECOND = timedelta(seconds=1)


@pytest.mark.django_db
def test_unclaimed_messages_are_rescued_in_the_order_of_urgency() -> None:
    asked = [
        (MessageClass.ROUTINE, 0),
        (MessageClass.VERIFICATION, 0),
        (MessageClass.EMERGENCY, 1),
        (MessageClass.EMERGENCY, 0),
    ]
    ids = [standing(State.DISPATCHED, kind=kind, rank=rank, due_in=-SECOND).id for kind, rank in asked]
    standing(State.DISPATCHED, due_in=5 * SECOND)
    standing(State.SENDING, due_in=-SECOND, attempts=1)
    sender_id = Sender.objects.get(name=DEFAULT).id
    assert overdue() == {sender_id: ids[::-1]}
    assert overdue(limit=1) == {sender_id: ids[-1:]}
    sweep()
    assert {state_of(i) for i in ids} == {State.DISPATCHED}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [MessageClass.EMERGENCY, MessageClass.SAFETY])
def test_an_alert_or_all_clear_that_expires_alarms_the_operator(kind: MessageClass) -> None:
    standing(State.QUEUED, kind=kind, deadline_in=-SECOND)
    sweep()
    assert OperatorAlarm.objects.get().code == "messages_expired"


@pytest.mark.django_db
def test_a_message_of_unknown_outcome_does_not_expire() -> None:
    message = standing(State.QUEUED, attempts=1, deadline_in=-SECOND)
    Attempt.objects.update(outcome=AttemptOutcome.UNKNOWN)
    sweep()
    assert state_of(message.id) == State.UNCONFIRMED


@pytest.mark.django_db
def test_an_ended_lease_leaves_the_outcome_unknown() -> None:
    message = standing(State.SENDING, attempts=1, due_in=-SECOND)
    held = standing(State.SENDING, attempts=1, due_in=5 * SECOND)
    assert sweep() == 1
    message.refresh_from_db()
    assert (message.state, message.error_code) == (State.UNKNOWN, "lease_ended")
    assert message.due_at <= clock.now()
    assert [a.outcome for a in Attempt.objects.order_by("message_id")] == ["unknown", "sending"]
    assert state_of(held.id) == State.SENDING


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", AttemptOutcome)
def test_an_ended_lease_is_found_whatever_the_outcome_of_the_attempt(outcome: AttemptOutcome) -> None:
    message = standing(State.SENDING, attempts=2, due_in=-SECOND)
    _, second = attempt_ids(message.id)
    Attempt.objects.filter(id=second).update(outcome=outcome)
    assert sweep() == 1
    assert state_of(message.id) == State.UNKNOWN
    left = AttemptOutcome.UNKNOWN if outcome == AttemptOutcome.SENDING else outcome
    assert Attempt.objects.get(id=second).outcome == left


@pytest.mark.django_db
@pytest.mark.parametrize("kind", MessageClass)
@pytest.mark.parametrize("state", State)
def test_past_the_deadline_only_unsent_messages_expire(state: State, kind: MessageClass) -> None:
    message = standing(state, kind=kind, deadline_in=-SECOND, due_in=timedelta(hours=1))
    sweep()
    message.refresh_from_db()
    if state in (State.QUEUED, State.DISPATCHED):
        assert (message.state, message.error_code, message.text) == (State.EXPIRED, "deadline_passed", None)
    else:
        assert message.state == state
        assert (message.text is None) == (state in FINAL)


@pytest.mark.django_db
def test_an_urgent_hint_lost_past_the_deadline_expires_too() -> None:
    ids = [standing(State.DISPATCHED, kind=kind, due_in=-SECOND, deadline_in=-SECOND).id for kind in URGENT]
    assert sweep() == 2
    assert {state_of(i) for i in ids} == {State.EXPIRED}


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_move_each_row_once() -> None:
    ids = [standing(State.QUEUED, kind=MessageClass.ROUTINE, deadline_in=-SECOND).id for _ in range(60)]
    ids += [standing(State.SENDING, attempts=1, due_in=-SECOND).id for _ in range(60)]
    mine, yours = at_once(sweep, sweep)
    assert mine + yours == len(ids)
    assert all(len(story(i)) == 1 for i in ids)
    assert set(Message.objects.values_list("state", flat=True)) == {State.EXPIRED, State.UNKNOWN}
