"""Every answer of the provider, and the state it leaves the message in. Codes:
https://www.twilio.com/docs/api/errors."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from messaging import policy
from messaging.database import clock
from messaging.delivery.courier import Courier
from messaging.models import AttemptOutcome, Message, MessageClass, OperatorAlarm
from messaging.sandbox.control import SandboxControl
from messaging.states import State
from tests.messaging.engine import ANA, attempts, dispatched, grant, state_of
from tests.messaging.wire import Wire

MakeCourier = Callable[[], Courier]
NOT_CREATED = AttemptOutcome.NOT_CREATED


def answered(courier: Courier, *, kind: MessageClass = MessageClass.EMERGENCY) -> Message:
    """A message after one request to the provider."""
    [message_id] = dispatched(kind=kind)
    courier.deliver([message_id])
    assert courier.drain(15)
    return Message.objects.get(id=message_id)


def call_again(courier: Courier, message: Message) -> None:
    """Grant and deliver again a message that waits for its retry."""
    Message.objects.filter(id=message.id).update(due_at=clock.now())
    grant()
    courier.deliver([message.id])
    assert courier.drain(15)
    message.refresh_from_db()


def waits_s(message: Message) -> float:
    return (message.due_at - clock.now()).total_seconds()


def alarms() -> list[str]:
    return list(OperatorAlarm.objects.values_list("code", flat=True))


@pytest.mark.parametrize("code", [21211, 21610, 21614, 21635])
def test_a_refused_recipient_fails_the_message(code: int, courier: Courier, phones: SandboxControl) -> None:
    phones.behave(error_code=code)
    message = answered(courier)
    assert (message.state, message.error_code, message.text) == (State.FAILED, str(code), None)
    [attempt] = attempts(message.id)
    assert (attempt.outcome, attempt.error_code) == (NOT_CREATED, str(code))
    assert alarms() == []


@pytest.mark.parametrize("code", [20003, 20404, 21408, 21606, 21608, 21612, 21617])
def test_a_wrong_configuration_alarms_and_the_message_waits(
    code: int, courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(error_code=code)
    message = answered(courier)
    assert (message.state, message.error_code) == (State.QUEUED, str(code))
    assert 20 < waits_s(message) <= policy.CONFIGURATION_RETRY.total_seconds()
    alarm = OperatorAlarm.objects.get()
    assert alarm.code == "provider_configuration"
    assert alarm.detail == {"provider_code": str(code), "sender_id": message.sender_id, "messages": 1}


@pytest.mark.parametrize(
    ("kind", "shortest_s", "longest_s"), [(MessageClass.ROUTINE, 590, 600), (MessageClass.EMERGENCY, 20, 30)]
)
def test_over_the_daily_limit_routine_waits_long_and_an_emergency_is_tried_soon(
    kind: MessageClass, shortest_s: float, longest_s: float, courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(error_code=63038)
    message = answered(courier, kind=kind)
    assert (message.state, message.error_code) == (State.QUEUED, "63038")
    assert shortest_s < waits_s(message) <= longest_s
    assert alarms() == ["provider_quota"]


def test_an_unknown_code_is_tried_three_times_and_reported(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(error_code=29999)
    message = answered(courier)
    for _ in range(2):
        assert message.state == State.QUEUED
        call_again(courier, message)
    assert (message.state, message.error_code, message.attempts) == (State.FAILED, "29999", 3)
    assert alarms() == ["provider_unrecognised"]
    assert [attempt.outcome for attempt in attempts(message.id)] == [NOT_CREATED] * 3


def test_too_many_requests_waits_as_long_as_asked(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(status=429, retry_after_s=20)
    message = answered(courier)
    assert (message.state, message.error_code) == (State.QUEUED, "20429")
    assert 10 < waits_s(message) <= 20
    assert attempts(message.id)[0].outcome == NOT_CREATED


def test_retry_after_is_bounded(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(status=429, retry_after_s=86_400)
    assert 50 < waits_s(answered(courier)) <= 60


def test_a_retry_after_of_zero_backs_off_all_the_same(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(status=429, retry_after_s=0)
    assert waits_s(answered(courier)) > 0.1


def test_too_many_requests_without_a_time_backs_off_and_arrives_once(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(status=429, times=1)
    message = answered(courier)
    assert message.state == State.QUEUED
    assert waits_s(message) <= 1
    call_again(courier, message)
    assert message.state == State.ACCEPTED
    assert len(phones.messages(ANA)) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("created", [True, False])
def test_a_server_error_leaves_the_outcome_unknown(
    status: int, created: bool, courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(status=status, created=created)
    message = answered(courier)
    assert message.state == State.UNKNOWN
    assert message.text is not None
    [attempt] = attempts(message.id)
    assert attempt.outcome == AttemptOutcome.UNKNOWN
    # The provider has finished with the request, so a look-up may prove something before its deadline.
    assert attempt.deadline_at <= clock.now()


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", {}, {"message": "no code"}])
def test_a_proxys_error_says_nothing_about_the_provider(body: object, wire: Wire, make_courier: MakeCourier) -> None:
    wire.answers = [(504, body)]
    message = answered(make_courier())
    assert (message.state, message.error_code) == (State.UNKNOWN, "http_504")
    # The provider may still be working on the request: only its own deadline ends that.
    assert attempts(message.id)[0].deadline_at > clock.now() + timedelta(seconds=5)


@pytest.mark.parametrize("script", [{"lose_reply": True}, {"lose_reply": True, "created": False}, {"garbage": True}])
def test_a_lost_or_unreadable_reply_leaves_the_outcome_unknown(
    script: dict[str, Any], courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(**script)
    message = answered(courier)
    assert message.state == State.UNKNOWN
    assert attempts(message.id)[0].outcome == AttemptOutcome.UNKNOWN
    assert attempts(message.id)[0].deadline_at > clock.now() + timedelta(seconds=5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "SM1",
        None,
        {"sid": None, "status": "queued"},
        {"sid": 7, "status": "queued"},
        {"sid": "", "status": "queued"},
        {"status": "queued"},
        b"",
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
    ],
)
def test_a_success_without_a_message_leaves_the_outcome_unknown(
    body: object, wire: Wire, make_courier: MakeCourier
) -> None:
    wire.answers = [(201, body)]
    assert answered(make_courier()).state == State.UNKNOWN


@pytest.mark.parametrize("status", [None, "queued", "sending", "scheduled", "something new", 7])
def test_a_message_with_an_id_is_accepted_whatever_its_status(
    status: object, wire: Wire, make_courier: MakeCourier
) -> None:
    wire.answers = [(201, {"sid": "SM1", "status": status})]
    assert answered(make_courier()).state == State.ACCEPTED


def test_a_refused_connection_is_certainly_not_created(make_courier: MakeCourier, settings: Any) -> None:
    settings.TWILIO_API_BASE_URL = "http://127.0.0.1:1"
    message = answered(make_courier())
    assert (message.state, message.error_code) == (State.QUEUED, "ClientConnectorError")
    assert waits_s(message) <= 1
    assert attempts(message.id)[0].outcome == NOT_CREATED


def test_a_redirect_is_not_followed_and_not_taken_for_success(wire: Wire, make_courier: MakeCourier) -> None:
    wire.answers = [(307, {"code": None, "message": "elsewhere"})]
    message = answered(make_courier())
    assert message.state == State.QUEUED
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (201, {"sid": "SM" + "0" * 300, "status": "queued"}),
        (201, {"sid": "SM\0", "status": "queued"}),
        (201, {"sid": "SM2", "status": "failed", "error_code": "9" * 300}),
        (400, {"code": "9" * 300, "message": "?"}),
        (400, {"code": {"nested": ["\0"]}, "message": "?"}),
    ],
)
def test_a_reply_the_database_cannot_store_holds_up_no_other(
    status: int, body: object, wire: Wire, make_courier: MakeCourier
) -> None:
    courier = make_courier()
    wire.answers = [(status, body), (201, {"sid": "SM9", "status": "queued"})]
    odd = answered(courier)
    fine = answered(courier)
    assert odd.state in (State.ACCEPTED, State.QUEUED)
    assert fine.state == State.ACCEPTED


def test_an_id_another_attempt_already_has_is_accepted_without_it(wire: Wire, make_courier: MakeCourier) -> None:
    wire.answers = [(201, {"sid": "SM1", "status": "queued"})]
    ids = dispatched(3)
    courier = make_courier()
    courier.deliver(ids)
    assert courier.drain(15)
    assert {state_of(i) for i in ids} == {State.ACCEPTED}
    assert sorted(attempts(i)[0].provider_id for i in ids) == ["", "", "SM1"]
