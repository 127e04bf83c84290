"""From the claim to the phone: when a request is made, its content, and that it ends."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.processes import wait_until
from messaging import policy
from messaging.database.sql import rows
from messaging.delivery import claims
from messaging.delivery.courier import Courier
from messaging.models import AttemptOutcome, Channel, Message, MessageClass, OperatorAlarm, Sender, SenderOutage
from messaging.outbox.senders import DEFAULT
from messaging.providers import Kind, Outcome, SendRequest
from messaging.providers.twilio import TwilioProvider
from messaging.sandbox.control import SandboxControl
from messaging.states import State
from tests.messaging.engine import ANA, BEN, another_sender, attempts, dispatched, set_pace, state_of, story
from tests.messaging.wire import Wire

MakeCourier = Callable[[], Courier]
SECOND = timedelta(seconds=1)


def send(courier: Courier, ids: list[int]) -> int:
    ours = courier.deliver(ids)
    assert courier.drain(15)
    return ours


def test_a_claimed_message_reaches_its_phone_once(courier: Courier, phones: SandboxControl) -> None:
    [message_id] = dispatched(text="Помогите")
    assert send(courier, [message_id]) == 1
    assert send(courier, [message_id]) == 0
    [sms] = phones.messages(ANA)
    assert (sms["body"], sms["from"]) == ("Помогите", "+15005550006")
    [attempt] = attempts(message_id)
    assert (attempt.outcome, attempt.provider_id) == (AttemptOutcome.ACCEPTED, sms["sid"])
    assert story(message_id) == [State.SENDING, State.ACCEPTED]
    assert Message.objects.get(id=message_id).accepted_at is not None


def test_two_couriers_with_the_same_messages_send_each_once(make_courier: MakeCourier, phones: SandboxControl) -> None:
    couriers, ids = [make_courier(), make_courier()], dispatched(50)
    threads = [threading.Thread(target=courier.deliver, args=(ids,)) for courier in couriers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert all(courier.drain(15) for courier in couriers)
    assert len(phones.messages(ANA)) == 50
    assert set(Message.objects.values_list("state", flat=True)) == {State.ACCEPTED}


def test_the_call_names_the_attempt_the_validity_and_the_sender(wire: Wire, make_courier: MakeCourier) -> None:
    wire.answers = [(201, {"sid": "SM1", "status": "queued"})]
    [message_id] = dispatched(deadline_in=90 * SECOND)
    send(make_courier(), [message_id])
    [asked] = wire.asked
    [attempt] = attempts(message_id)
    assert asked["StatusCallback"] == f"http://127.0.0.1:1/api/v1/webhooks/twilio/status/{attempt.id}/"
    assert 80 <= int(asked["ValidityPeriod"]) <= 90
    assert (asked["To"], asked["From"], asked["Body"]) == (ANA, "+15005550006", "Help")


@pytest.mark.parametrize(("left", "lowest", "highest"), [(SECOND, 1, 1), (timedelta(days=1), 36_000, 36_000)])
def test_the_validity_period_is_at_most_what_twilio_accepts(
    left: timedelta, lowest: int, highest: int, wire: Wire, make_courier: MakeCourier
) -> None:
    wire.answers = [(201, {"sid": "SM1", "status": "queued"})]
    send(make_courier(), dispatched(deadline_in=left, kind=MessageClass.ROUTINE))
    assert lowest <= int(wire.asked[0]["ValidityPeriod"]) <= highest


def test_a_messaging_service_is_used_instead_of_the_number(wire: Wire, make_courier: MakeCourier) -> None:
    wire.answers = [(201, {"sid": "SM1", "status": "accepted"})]
    service = "MG" + "0" * 32
    ids = dispatched()
    Sender.objects.update(messaging_service_sid=service)
    send(make_courier(), ids)
    assert wire.asked[0]["MessagingServiceSid"] == service
    assert "From" not in wire.asked[0]


def test_a_call_waits_for_its_slot(courier: Courier, phones: SandboxControl) -> None:
    set_pace(10)
    ids = dispatched(slot_in=timedelta(milliseconds=400))
    slot = Message.objects.get(id=ids[0]).slot_at
    assert slot is not None
    send(courier, ids)
    [arrival] = phones.arrivals()
    # PostgreSQL, the engine and the sandbox share the clock of this machine.
    assert arrival.at >= slot.timestamp() - 0.005


@pytest.mark.parametrize("late", [2 * SECOND, timedelta(minutes=1)])
def test_an_unpaced_message_is_sent_however_late_a_worker_claims_it(
    late: timedelta, courier: Courier, phones: SandboxControl
) -> None:
    ids = dispatched(slot_in=-late)
    send(courier, ids)
    assert len(phones.messages(ANA)) == 1
    assert state_of(ids[0]) == State.ACCEPTED


@pytest.mark.parametrize("pace", [0.4, 1, 10])
def test_a_paced_message_that_missed_its_slot_is_sent_in_a_new_one(
    pace: float, courier: Courier, phones: SandboxControl
) -> None:
    set_pace(pace)
    ids = dispatched(slot_in=-1.1 * SECOND)
    send(courier, ids)
    assert state_of(ids[0]) == State.ACCEPTED
    assert len(phones.messages(ANA)) == 1


def test_the_pace_holds_where_messages_arrive(courier: Courier, phones: SandboxControl) -> None:
    set_pace(20)
    send(courier, dispatched(30, slot_in=-SECOND))
    arrivals = [arrival.at for arrival in phones.arrivals()]
    # On a busy machine some messages miss the new slot as well. They are given back and not sent late.
    given_back = Message.objects.filter(state=State.QUEUED, error_code="slot_missed").count()
    assert len(arrivals) + given_back == 30
    assert len(arrivals) >= 15
    assert max(sum(start <= at < start + 1 for at in arrivals) for start in arrivals) <= 21


def test_a_reply_that_never_comes_ends_at_the_deadline(
    make_courier: MakeCourier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ATTEMPT_TIMEOUT", SECOND / 2)
    monkeypatch.setattr(policy, "SHORTEST_ATTEMPT", SECOND / 10)
    phones.behave(hang=True)
    [message_id] = dispatched()
    send(make_courier(), [message_id])
    assert state_of(message_id) == State.UNKNOWN
    assert attempts(message_id)[0].outcome == AttemptOutcome.UNKNOWN


def test_the_deadline_holds_however_slowly_the_reply_drips(
    make_courier: MakeCourier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ATTEMPT_TIMEOUT", SECOND / 2)
    monkeypatch.setattr(policy, "SHORTEST_ATTEMPT", SECOND / 10)
    phones.behave(drip_ms=100)
    [message_id] = dispatched()
    started = time.monotonic()
    send(make_courier(), [message_id])
    assert time.monotonic() - started < 10  # The reply itself would take over a minute.
    assert state_of(message_id) == State.UNKNOWN


@pytest.mark.parametrize("lost", ["text", "address"])
def test_a_text_or_address_without_its_key_waits_and_alarms(
    courier: Courier, phones: SandboxControl, lost: str
) -> None:
    [message_id] = dispatched()
    # Encrypted with a key that this installation does not have.
    text = Message.objects.values_list("text", flat=True).get(id=message_id)
    if lost == "text":
        Message.objects.filter(id=message_id).update(text=b"\x01" + bytes(4) + bytes(text or b"")[5:])
    else:
        rows("UPDATE messaging_message SET address = '~nAAAAAA' || substr(address, 9) WHERE id = %s", [message_id])
    fine = dispatched(to=BEN)
    send(courier, [message_id, *fine])
    message = Message.objects.get(id=message_id)
    assert (message.state, message.error_code) == (State.QUEUED, f"{lost}_unreadable")
    assert OperatorAlarm.objects.get().code == "provider_configuration"
    assert state_of(fine[0]) == State.ACCEPTED
    assert not SenderOutage.objects.exists(), "It is not the sender's fault."


def test_messages_beyond_the_limit_in_flight_are_not_claimed(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.delivery.courier.MAX_IN_FLIGHT", 2)
    phones.behave(to=ANA, latency_ms=1_000)
    first, second = dispatched(2), dispatched(2, to=BEN)
    sender_id = Sender.objects.get(name=DEFAULT).id
    assert courier.deliver(first, sender_id=sender_id) == 2
    # `deliver` returns at once, and a message that is given to it twice waits once.
    assert courier.deliver(second, sender_id=sender_id) == courier.deliver(second, sender_id=sender_id) == 0
    assert {state_of(i) for i in second} == {State.DISPATCHED}
    assert wait_until(lambda: {state_of(i) for i in first + second} == {State.ACCEPTED}, timeout_s=15)
    assert len(phones.messages(BEN)) == 2


def test_a_sender_whose_calls_hang_does_not_keep_anothers_messages_waiting(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.delivery.courier.MAX_IN_FLIGHT", 2)
    # The hanging requests end at this deadline; the test waits for them at its end.
    monkeypatch.setattr(policy, "ATTEMPT_TIMEOUT", 6 * SECOND)
    phones.behave(to=ANA, hang=True)
    stuck, other = Sender.objects.get(name=DEFAULT), another_sender()
    for _ in range(3):
        courier.deliver(dispatched(2), sender_id=stuck.id)
    fine = dispatched(4, to=BEN)
    Message.objects.filter(id__in=fine).update(sender=other)
    courier.deliver(fine[:2], sender_id=other.id)
    courier.deliver(fine[2:], sender_id=other.id)
    assert wait_until(lambda: {state_of(i) for i in fine} == {State.ACCEPTED}, timeout_s=5)
    assert courier.deliver(dispatched(1), sender_id=stuck.id) == 0


def test_a_stopping_process_leaves_waiting_messages_to_others(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.delivery.courier.MAX_IN_FLIGHT", 1)
    phones.behave(latency_ms=500)
    first, second = dispatched(1), dispatched(1)
    sender_id = Sender.objects.get(name=DEFAULT).id
    courier.deliver(first, sender_id=sender_id)
    courier.deliver(second, sender_id=sender_id)
    courier.stop_claiming()
    assert courier.drain(15)
    assert (state_of(first[0]), state_of(second[0])) == (State.ACCEPTED, State.DISPATCHED)


def test_a_broken_call_frees_its_place_and_leaves_the_outcome_unknown(
    courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(TwilioProvider, "send", send)
    [message_id] = dispatched()
    courier.deliver([message_id])
    assert courier.drain(5)
    assert state_of(message_id) == State.UNKNOWN


def test_drain_returns_false_when_calls_outlast_its_time(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(latency_ms=500)
    courier.deliver(dispatched())
    assert not courier.drain(0.05)
    assert courier.drain(15)


async def sms_of(courier: Courier, request: SendRequest) -> Outcome:
    return await (await courier.provider(Channel.SMS)).send(request)


def test_a_process_that_wakes_too_late_writes_no_request(courier: Courier, phones: SandboxControl) -> None:
    request = SendRequest(
        attempt_id=uuid4(),
        message_id=1,
        message_class=MessageClass.EMERGENCY,
        address=ANA,
        text="Help",
        origin="+15005550006",
        messaging_service_sid="",
        validity_s=60,
        # The process wakes with half a second less than the shortest call needs.
        timeout_s=policy.SHORTEST_ATTEMPT.total_seconds() - 0.5,
    )
    outcome = courier.run(sms_of(courier, request))
    assert (outcome.kind, outcome.code) == (Kind.TRANSIENT, "slot_missed")
    assert phones.messages(ANA) == []


def test_a_slow_database_wastes_no_reserved_slot(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 60 ms a statement a message always misses the slot of its grant. It must not miss the new slot that the
    claim reserves."""

    def slow(statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        time.sleep(0.06)
        return rows(statement, parameters)

    monkeypatch.setattr(claims, "rows", slow)
    set_pace(100)
    ids = dispatched(3)
    courier.deliver(ids)
    assert courier.drain(15)
    assert [state_of(i) for i in ids] == [State.ACCEPTED] * 3
    assert len(phones.messages(ANA)) == 3
