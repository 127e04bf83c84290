"""The watch: a message that no callback finishes is looked up, more rarely as it grows older, and ends with a
reason."""

from datetime import timedelta

import pytest

from messaging import policy
from messaging.database import clock
from messaging.delivery.courier import Courier
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message, MessageClass
from messaging.providers.twilio import MESSAGE
from messaging.reports import delivery_reports, watching
from messaging.sandbox.control import SandboxControl
from messaging.states import State
from tests.messaging.engine import ANA, BEN, attempt_of, dispatched, fail_at, interrupted, standing, state_of, watch

MINUTE = timedelta(minutes=1)


def accepted(courier: Courier, phones: SandboxControl, *, to: str = ANA, final: str = "sent") -> Message:
    """An SMS that the provider accepted and reports nothing about."""
    phones.behave(final=final, callbacks=False, callback_delay_ms=0)
    [message_id] = dispatched(to=to)
    courier.deliver([message_id])
    assert courier.drain(15)
    message = Message.objects.get(id=message_id)
    assert message.state == State.ACCEPTED
    return message


def look(courier: Courier, message: Message) -> Message:
    """Let the watch look up a message, due or not; returns the message afterwards."""
    Message.objects.filter(id=message.id).update(due_at=clock.now())
    watch(courier)
    message.refresh_from_db()
    return message


def test_the_first_look_is_after_two_minutes(courier: Courier, phones: SandboxControl) -> None:
    message = accepted(courier, phones, final="delivered")
    assert timedelta(seconds=110) < message.due_at - clock.now() <= policy.AWAITING_CALLBACK == 2 * MINUTE
    assert watch(courier) == 0
    assert look(courier, message).state == State.DELIVERED


@pytest.mark.parametrize(
    ("age", "wait"), [(MINUTE, 2 * MINUTE), (20 * MINUTE, 20 * MINUTE), (300 * MINUTE, 60 * MINUTE)]
)
def test_the_next_is_as_far_away_as_the_message_is_old(
    age: timedelta, wait: timedelta, courier: Courier, phones: SandboxControl
) -> None:
    message = accepted(courier, phones)
    Message.objects.update(accepted_at=clock.now() - age, deadline_at=clock.now() + 600 * MINUTE)
    assert look(courier, message).state == State.SENT
    Message.objects.update(due_at=clock.now())
    watch(courier)
    message.refresh_from_db()
    assert abs(message.due_at - clock.now() - wait) < timedelta(seconds=10)


def test_a_message_that_the_provider_never_finishes_ends_unconfirmed(courier: Courier, phones: SandboxControl) -> None:
    message = accepted(courier, phones)
    Message.objects.update(deadline_at=clock.now() - policy.NEVER_FINISHED_AFTER + MINUTE)
    assert look(courier, message).state == State.SENT
    Message.objects.update(deadline_at=clock.now() - policy.NEVER_FINISHED_AFTER)
    assert (look(courier, message).state, message.error_code) == (State.UNCONFIRMED, "never_finished")


def test_a_message_that_the_provider_lost_ends_unconfirmed(courier: Courier, phones: SandboxControl) -> None:
    message = accepted(courier, phones)
    phones.reset()
    assert (look(courier, message).state, message.error_code) == (State.UNCONFIRMED, "provider_lost_it")


def test_a_provider_that_does_not_answer_ends_nothing(courier: Courier, phones: SandboxControl) -> None:
    message = accepted(courier, phones)
    phones.behave(fail_lists=True)
    assert look(courier, message).state == State.ACCEPTED
    assert message.due_at > clock.now() + MINUTE


def test_a_pass_looks_up_a_limited_number(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FETCHES_PER_PASS", 2)
    for number in range(3):
        accepted(courier, phones, to=f"+99670000010{number}", final="delivered")
    Message.objects.update(due_at=clock.now())
    assert (watch(courier), watch(courier), watch(courier)) == (2, 1, 0)


def test_urgent_messages_are_looked_up_first(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FETCHES_PER_PASS", 1)
    letter = accepted(courier, phones, final="delivered")
    Message.objects.update(message_class=MessageClass.ROUTINE, due_at=clock.now() - MINUTE)
    urgent = accepted(courier, phones, to=BEN, final="undelivered")
    Message.objects.filter(id=urgent.id).update(due_at=clock.now())
    assert watch(courier) == 1
    assert [state_of(m.id) for m in (letter, urgent)] == [State.ACCEPTED, State.QUEUED]


def test_a_failing_look_up_keeps_no_other_waiting(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (accepted(courier, phones, to=to, final="delivered") for to in (ANA, BEN))
    fail_at(Attempt.objects.get(message=first).id, monkeypatch)
    Message.objects.update(due_at=clock.now())
    assert watch(courier) == 1
    assert [state_of(m.id) for m in (first, second)] == [State.ACCEPTED, State.DELIVERED]


def test_news_during_a_look_up_stands(courier: Courier, phones: SandboxControl) -> None:
    message = accepted(courier, phones)
    phones.reset()
    Message.objects.update(due_at=clock.now())
    [attempt] = Attempt.objects.all()

    def news() -> None:
        delivery_reports.apply_report(
            attempt.id, MESSAGE.reported("undelivered", "30003", attempt.provider_id), by=Deliverer.CALLBACK
        )

    assert watch(interrupted(courier, news)) == 0
    assert state_of(message.id) == State.QUEUED


@pytest.mark.parametrize("second", [AttemptOutcome.NOT_CREATED, AttemptOutcome.UNDELIVERED])
def test_when_every_call_has_failed_it_is_called_again(second: AttemptOutcome, courier: Courier) -> None:
    message = standing(State.SENT, attempts=2)
    for number, outcome in ((1, AttemptOutcome.UNDELIVERED), (2, second)):
        Attempt.objects.filter(number=number).update(outcome=outcome)
    assert (look(courier, message).state, message.error_code) == (State.QUEUED, "calls_failed")


def test_when_every_call_has_failed_and_it_is_too_late_for_another_it_ends(courier: Courier) -> None:
    message = standing(State.SENT, attempts=2, kind=MessageClass.SAFETY)
    Attempt.objects.update(outcome=AttemptOutcome.UNDELIVERED)
    Message.objects.update(deadline_at=clock.now())
    assert (look(courier, message).state, message.error_code) == (State.UNDELIVERED, "calls_failed")


@pytest.mark.parametrize("doubt", [AttemptOutcome.UNKNOWN, AttemptOutcome.SENDING])
def test_a_failed_call_beside_one_that_nobody_knows_of_ends_unconfirmed(
    doubt: AttemptOutcome, courier: Courier
) -> None:
    message = standing(State.SENT, attempts=2)
    Attempt.objects.filter(number=1).update(outcome=AttemptOutcome.UNDELIVERED)
    Attempt.objects.filter(number=2).update(outcome=doubt)
    assert look(courier, message).state == State.UNCONFIRMED


def test_an_accepted_call_without_an_id_waits_for_its_callback_until_the_end(courier: Courier) -> None:
    message = standing(State.ACCEPTED, to=BEN)
    attempt_of(message, outcome=AttemptOutcome.ACCEPTED)
    assert look(courier, message).state == State.ACCEPTED
    Message.objects.update(deadline_at=clock.now() - policy.NEVER_FINISHED_AFTER)
    assert look(courier, message).state == State.UNCONFIRMED
