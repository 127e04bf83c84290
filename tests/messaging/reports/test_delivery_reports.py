"""Reports about one of several attempts: the best news about any attempt is the state of the message."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from messaging.database import clock
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message, MessageEvent, OperatorAlarm
from messaging.providers import Outcome
from messaging.providers.twilio import MESSAGE
from messaging.reports.delivery_reports import UnknownAttempt, apply_report
from messaging.states import State
from tests.messaging.engine import another_sender, attempt_ids, attempt_of, standing, state_of, story
from tests.race import at_once

HOPEFUL = [AttemptOutcome.ACCEPTED, AttemptOutcome.SENDING]


def hear(attempt_id: UUID, status: str, code: str = "", *, sid: str = "") -> bool:
    outcome: Outcome = MESSAGE.reported(status, code=code, provider_id=sid or f"SM{attempt_id.hex}")
    return apply_report(attempt_id, outcome, by=Deliverer.CALLBACK)


def twice_called(state: State, first: AttemptOutcome, second: AttemptOutcome) -> tuple[Message, UUID, UUID]:
    message = standing(state, attempts=2)
    ids = attempt_ids(message.id)
    for attempt_id, outcome in zip(ids, (first, second), strict=True):
        Attempt.objects.filter(id=attempt_id).update(outcome=outcome)
    return message, ids[0], ids[1]


@pytest.mark.django_db
def test_a_report_about_an_unknown_attempt_changes_nothing() -> None:
    with pytest.raises(UnknownAttempt):
        hear(UUID(int=1), "delivered")


@pytest.mark.django_db
@pytest.mark.parametrize("other", HOPEFUL)
@pytest.mark.parametrize(("status", "code"), [("undelivered", "30006"), ("failed", "30003"), ("failed", "")])
def test_a_failed_call_does_not_override_another_that_may_still_arrive(
    status: str, code: str, other: AttemptOutcome
) -> None:
    for place in (0, 1):
        outcomes = (AttemptOutcome.ACCEPTED, other) if place == 0 else (other, AttemptOutcome.ACCEPTED)
        message, *ids = twice_called(State.ACCEPTED, *outcomes)
        assert not hear(ids[place], status, code)
        assert state_of(message.id) == State.ACCEPTED
        assert hear(ids[1 - place], "delivered")
        assert state_of(message.id) == State.DELIVERED


@pytest.mark.django_db
def test_when_both_calls_have_failed_the_message_has() -> None:
    message, first, second = twice_called(State.ACCEPTED, AttemptOutcome.ACCEPTED, AttemptOutcome.ACCEPTED)
    assert not hear(first, "undelivered", "30006")
    assert hear(second, "undelivered", "30005")
    assert state_of(message.id) == State.UNDELIVERED


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.SENDING, State.ACCEPTED, State.SENT, State.UNKNOWN])
def test_a_failed_call_after_one_nobody_knows_of_ends_unconfirmed(state: State) -> None:
    message, first, second = twice_called(state, AttemptOutcome.UNKNOWN, AttemptOutcome.ACCEPTED)
    assert hear(second, "undelivered", "30006")
    assert state_of(message.id) == State.UNCONFIRMED
    assert hear(first, "delivered")
    assert state_of(message.id) == State.DELIVERED


@pytest.mark.django_db
def test_after_a_delivery_no_failure_counts() -> None:
    message, first, second = twice_called(State.ACCEPTED, AttemptOutcome.ACCEPTED, AttemptOutcome.ACCEPTED)
    assert hear(first, "delivered")
    for attempt_id in (first, second):
        assert not hear(attempt_id, "failed", "30006")
    assert state_of(message.id) == State.DELIVERED


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.QUEUED, State.DISPATCHED])
@pytest.mark.parametrize("status", ["queued", "sent", "delivered"])
def test_news_of_the_first_call_cancels_a_second_not_yet_made(state: State, status: str) -> None:
    message = standing(state, attempts=1)
    Attempt.objects.update(outcome=AttemptOutcome.UNKNOWN)
    assert hear(attempt_ids(message.id)[0], status)
    assert state_of(message.id) not in (State.QUEUED, State.DISPATCHED)


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.ACCEPTED, State.SENT])
def test_a_carriers_temporary_failure_is_tried_again_at_most_three_calls(state: State) -> None:
    for calls in (1, 2, 3):
        message = standing(state, attempts=0)
        for number in range(1, calls):
            attempt_of(message, number=number, outcome=AttemptOutcome.UNDELIVERED)
        latest = attempt_of(message, number=calls, outcome=AttemptOutcome.ACCEPTED)
        Message.objects.filter(id=message.id).update(attempts=calls)
        assert hear(latest.id, "undelivered", "30003")
        message.refresh_from_db()
        assert message.state == (State.QUEUED if calls < 3 else State.UNDELIVERED)
        assert (message.text is None) == (calls == 3)
        assert calls == 3 or message.due_at > clock.now()


@pytest.mark.django_db
def test_a_message_past_its_deadline_is_not_tried_again() -> None:
    message = standing(State.SENT, attempts=1)
    Message.objects.update(deadline_at=clock.now())
    assert hear(attempt_ids(message.id)[0], "undelivered", "30003")
    assert state_of(message.id) == State.UNDELIVERED


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["30004", "30005", "30006", "21610"])
def test_a_refused_recipient_is_final(code: str) -> None:
    message = standing(State.SENT, attempts=1)
    assert hear(attempt_ids(message.id)[0], "undelivered", code)
    message.refresh_from_db()
    assert (message.state, message.error_code) == (State.UNDELIVERED, code)


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["30007", "30034"])
def test_a_configuration_error_of_a_carrier_alarms_the_operator_once(code: str) -> None:
    message = standing(State.SENT, attempts=1)
    for _ in range(2):
        hear(attempt_ids(message.id)[0], "undelivered", code)
    assert state_of(message.id) == State.UNDELIVERED
    alarm = OperatorAlarm.objects.get()
    assert (alarm.code, alarm.times) == ("provider_configuration", 1)
    assert alarm.detail == {"provider_code": code, "message_id": message.id}


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.QUEUED, State.DISPATCHED])
@pytest.mark.parametrize(("status", "code"), [("sent", ""), ("queued", ""), ("undelivered", "30003"), ("failed", "")])
def test_old_news_of_a_failed_call_does_not_touch_the_retry(state: State, status: str, code: str) -> None:
    message = standing(state, attempts=1)
    Attempt.objects.update(outcome=AttemptOutcome.UNDELIVERED)
    assert not hear(attempt_ids(message.id)[0], status, code)
    assert state_of(message.id) == state
    assert story(message.id) == []


@pytest.mark.django_db
@pytest.mark.parametrize("first", [AttemptOutcome.UNDELIVERED, AttemptOutcome.ACCEPTED, AttemptOutcome.UNKNOWN])
@pytest.mark.parametrize("code", ["30003", "30006", "30034", ""])
def test_a_failed_call_does_not_end_the_search_for_a_later_one(first: AttemptOutcome, code: str) -> None:
    message, first_id, second_id = twice_called(State.UNKNOWN, first, AttemptOutcome.UNKNOWN)
    assert not hear(first_id, "undelivered", code)
    assert state_of(message.id) == State.UNKNOWN
    assert hear(second_id, "sent")
    assert state_of(message.id) == State.SENT


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["30034", "63038"])
def test_a_late_report_of_a_senders_fault_passes_the_message_to_the_next_sender(code: str) -> None:
    message = standing(State.ACCEPTED, attempts=1)
    another = another_sender()
    assert hear(attempt_ids(message.id)[0], "failed", code)
    message.refresh_from_db()
    assert (message.state, message.sender) == (State.QUEUED, another)


@pytest.mark.django_db
def test_a_delivery_after_a_failure_report_stops_the_retry() -> None:
    message = standing(State.QUEUED, attempts=1)
    Attempt.objects.update(outcome=AttemptOutcome.UNDELIVERED)
    assert hear(attempt_ids(message.id)[0], "delivered")
    assert state_of(message.id) == State.DELIVERED


@pytest.mark.django_db(transaction=True)
def test_many_callbacks_at_once_make_each_move_once() -> None:
    message = standing(State.ACCEPTED, attempts=1)
    [attempt_id] = attempt_ids(message.id)
    results = at_once(*[partial(hear, attempt_id, status) for status in ("sent", "delivered") * 3])
    assert not [result for result in results if isinstance(result, Exception)]
    assert state_of(message.id) == State.DELIVERED
    assert MessageEvent.objects.count() == sum(results)
    assert story(message.id) in ([State.DELIVERED], [State.SENT, State.DELIVERED])


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["delivered", "undelivered"])
def test_a_report_repeated_after_the_end_costs_one_read(end: str, django_assert_num_queries: Any) -> None:
    message, attempt_id, _ = twice_called(State.ACCEPTED, AttemptOutcome.ACCEPTED, AttemptOutcome.NOT_CREATED)
    assert hear(attempt_id, end, "30006" if end == "undelivered" else "")
    for status in ("queued", "sent", end):
        with django_assert_num_queries(1):
            assert not hear(attempt_id, status)
    assert state_of(message.id) == end


@pytest.mark.django_db
def test_a_delivery_told_after_the_end_is_still_noted() -> None:
    message, attempt_id, _ = twice_called(State.ACCEPTED, AttemptOutcome.ACCEPTED, AttemptOutcome.NOT_CREATED)
    assert hear(attempt_id, "undelivered", "30006")
    assert not hear(attempt_id, "delivered")
    assert Attempt.objects.get(id=attempt_id).outcome == AttemptOutcome.DELIVERED
    assert state_of(message.id) == State.UNDELIVERED
