"""Promise 6: an unknown outcome is settled by look-ups and reports, and by policy only when none can be had."""

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings

from messaging import encryption, policy
from messaging.database import clock
from messaging.database.notices import CHANNEL
from messaging.delivery.courier import Courier
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message, MessageClass
from messaging.moves import Change, move
from messaging.providers.twilio import MESSAGE
from messaging.reports import delivery_reports, settling
from messaging.sandbox.control import SandboxControl
from messaging.states import FINAL, State
from tests.messaging.engine import (
    ANA,
    BEN,
    another_sender,
    attempts,
    dispatched,
    fail_at,
    interrupted,
    settle,
    shift,
    state_of,
    story,
)

SECOND = timedelta(seconds=1)
AFTER_PROOF = policy.ATTEMPT_TIMEOUT + policy.PROOF_AFTER + SECOND


def lose(
    courier: Courier, phones: SandboxControl, *, created: bool, kind: MessageClass = MessageClass.EMERGENCY
) -> int:
    """Create a message whose request got no reply; returns its id."""
    phones.behave(lose_reply=True, created=created, times=1)
    [message_id] = dispatched(kind=kind)
    send_all(courier, [message_id])
    assert state_of(message_id) == State.UNKNOWN
    return message_id


def send_all(courier: Courier, ids: list[int]) -> None:
    courier.deliver(ids)
    assert courier.drain(15)


def send_again(courier: Courier, message_id: int) -> None:
    move([Change(id=message_id, to=State.DISPATCHED)], by=Deliverer.SCHEDULER, now=clock.now())
    Message.objects.filter(id=message_id).update(slot_at=clock.now())
    send_all(courier, [message_id])


def test_a_lost_reply_is_found_at_once(courier: Courier, phones: SandboxControl) -> None:
    message_id = lose(courier, phones, created=True)
    assert settle(courier) == 1
    assert state_of(message_id) in (State.ACCEPTED, State.SENT, State.DELIVERED)
    [sms] = phones.messages(ANA)
    assert attempts(message_id)[0].provider_id == sms["sid"]


def test_one_senders_unknown_outcomes_do_not_crowd_out_anothers(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "LOOK_UPS_PER_PASS", 1)
    crowd = [lose(courier, phones, created=False) for _ in range(3)]
    other = lose(courier, phones, created=False, kind=MessageClass.ROUTINE)
    Message.objects.filter(id=other).update(sender=another_sender())
    settle(courier)
    # A look-up that finds nothing postpones its message.
    put_off = set(Message.objects.filter(due_at__gt=clock.now() + SECOND).values_list("id", flat=True))
    assert other in put_off
    assert len(put_off & set(crowd)) == 1


def test_a_look_up_learns_the_state_too(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(to=ANA, final="undelivered", error_code=30006, callback_delay_ms=0)
    message_id = lose(courier, phones, created=True)
    settle(courier)
    message = Message.objects.get(id=message_id)
    assert (message.state, message.error_code, message.text) == (State.UNDELIVERED, "30006", None)


def test_a_message_sent_back_is_granted_before_the_next_poll(courier: Courier, phones: SandboxControl) -> None:
    message_id = lose(courier, phones, created=False)
    shift(message_id, AFTER_PROOF)
    url = settings.DATABASES["default"]
    with psycopg.connect(
        host=url["HOST"],
        port=url["PORT"],
        user=url["USER"],
        password=url["PASSWORD"],
        dbname=url["NAME"],
        autocommit=True,
    ) as listening:
        listening.execute(f"LISTEN {CHANNEL}")
        assert settle(courier) == 1
        assert list(listening.notifies(timeout=5, stop_after=1))
    assert state_of(message_id) == State.QUEUED


@pytest.mark.parametrize("created", [False, True])
def test_a_slow_look_up_proves_presence_but_not_absence(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch, created: bool
) -> None:
    monkeypatch.setattr(policy, "PROMPT_REPLY_WITHIN", timedelta(0))
    message_id = lose(courier, phones, created=created, kind=MessageClass.ROUTINE)
    shift(message_id, AFTER_PROOF)
    assert settle(courier) == created
    assert (state_of(message_id) == State.UNKNOWN) is not created


def test_a_message_waits_for_proof_that_it_was_not_created(courier: Courier, phones: SandboxControl) -> None:
    message_id = lose(courier, phones, created=False)
    assert settle(courier) == 0
    message, [attempt] = Message.objects.get(id=message_id), attempts(message_id)
    assert message.state == State.UNKNOWN
    assert message.due_at == attempt.deadline_at + policy.PROOF_AFTER
    shift(message_id, policy.ATTEMPT_TIMEOUT + policy.PROOF_AFTER - 2 * SECOND)
    Message.objects.update(due_at=clock.now())
    assert settle(courier) == 0
    assert state_of(message_id) == State.UNKNOWN


@pytest.mark.parametrize("kind", MessageClass)
def test_the_proof_sends_it_again_whatever_its_class(
    kind: MessageClass, courier: Courier, phones: SandboxControl
) -> None:
    message_id = lose(courier, phones, created=False, kind=kind)
    shift(message_id, AFTER_PROOF)
    assert settle(courier) == 1
    assert state_of(message_id) == State.QUEUED
    assert attempts(message_id)[0].outcome == AttemptOutcome.NOT_CREATED
    send_again(courier, message_id)
    assert state_of(message_id) == State.ACCEPTED
    assert len(phones.messages(ANA)) == 1


def test_nothing_is_looked_up_before_it_is_due(courier: Courier, phones: SandboxControl) -> None:
    message_id = lose(courier, phones, created=True)
    Message.objects.update(due_at=clock.now() + SECOND)
    assert settle(courier) == 0
    assert state_of(message_id) == State.UNKNOWN


def test_without_evidence_an_emergency_is_sent_again_after_ten_seconds(
    courier: Courier, phones: SandboxControl
) -> None:
    message_id = lose(courier, phones, created=False)
    phones.behave(fail_lists=True)
    shift(message_id, policy.RESEND_EMERGENCY_AFTER - 2 * SECOND)
    assert settle(courier) == 0
    assert state_of(message_id) == State.UNKNOWN
    shift(message_id, 3 * SECOND)
    assert settle(courier) == 1
    assert state_of(message_id) == State.QUEUED
    assert attempts(message_id)[0].outcome == AttemptOutcome.UNKNOWN


@pytest.mark.parametrize("kind", list(MessageClass)[1:])
def test_without_evidence_anything_else_ends_unconfirmed(
    kind: MessageClass, courier: Courier, phones: SandboxControl
) -> None:
    message_id = lose(courier, phones, created=True, kind=kind)
    phones.behave(fail_lists=True)
    shift(message_id, policy.GIVE_UP_LOOKING_AFTER - 10 * SECOND)
    assert settle(courier) == 0
    assert state_of(message_id) == State.UNKNOWN
    shift(message_id, 11 * SECOND)
    assert settle(courier) == 1
    message = Message.objects.get(id=message_id)
    assert (message.state, message.error_code, message.text) == (State.UNCONFIRMED, "no_evidence", None)
    assert len(phones.arrivals()) == 1


def test_news_that_comes_during_the_last_look_up_stands(courier: Courier, phones: SandboxControl) -> None:
    message_id = lose(courier, phones, created=True, kind=MessageClass.SAFETY)
    shift(message_id, policy.GIVE_UP_LOOKING_AFTER + SECOND)
    phones.behave(fail_lists=True)
    [attempt] = attempts(message_id)

    def news() -> None:
        assert delivery_reports.apply_report(attempt.id, MESSAGE.reported("sent", "", "SM1"), by=Deliverer.CALLBACK)

    assert settle(interrupted(courier, news)) == 0
    assert state_of(message_id) == State.SENT


def test_a_failed_look_up_is_asked_again_soon(courier: Courier, phones: SandboxControl) -> None:
    message_id = lose(courier, phones, created=True)
    phones.behave(fail_lists=True, times=1)
    assert settle(courier) == 0
    assert Message.objects.get(id=message_id).due_at <= clock.now() + policy.LOOK_AGAIN_AFTER
    shift(message_id, 3 * SECOND)
    assert settle(courier) == 1


def test_another_messages_sms_with_the_same_text_is_not_evidence(courier: Courier, phones: SandboxControl) -> None:
    send_all(courier, dispatched())
    message_id = lose(courier, phones, created=False)
    assert settle(courier) == 0
    shift(message_id, AFTER_PROOF)
    # The other SMS left 19 s ago and this attempt began 1 s ago, so only our own id tells them apart.
    Attempt.objects.filter(message_id=message_id).update(started_at=clock.now() - SECOND)
    assert settle(courier) == 1
    assert state_of(message_id) == State.QUEUED


def test_two_lost_messages_with_the_same_text_find_one_sms_each(courier: Courier, phones: SandboxControl) -> None:
    ids = [lose(courier, phones, created=True) for _ in range(2)]
    for _ in range(2):
        settle(courier)
    found = [attempts(i)[0].provider_id for i in ids]
    assert sorted(found) == sorted(sms["sid"] for sms in phones.messages(ANA))
    assert not {state_of(i) for i in ids} & {State.UNKNOWN, State.QUEUED}


def test_of_two_lost_messages_only_the_one_that_does_not_exist_is_sent_again(
    courier: Courier, phones: SandboxControl
) -> None:
    ids = [lose(courier, phones, created=created) for created in (True, False)]
    for _ in range(2):
        settle(courier)
    for message_id in ids:
        shift(message_id, AFTER_PROOF)
        Attempt.objects.filter(message_id=message_id).update(started_at=clock.now() - 2 * SECOND)
    settle(courier)
    assert sorted(state_of(i) == State.QUEUED for i in ids) == [False, True]


@pytest.mark.parametrize("other", [{"to": BEN}, {"text": "Another text"}])
def test_an_sms_to_another_number_or_of_another_text_is_not_evidence(
    other: dict[str, str], courier: Courier, phones: SandboxControl
) -> None:
    send_all(courier, dispatched(**other))  # type: ignore[arg-type]
    Attempt.objects.update(provider_id="")
    message_id = lose(courier, phones, created=False)
    assert settle(courier) == 0
    assert state_of(message_id) == State.UNKNOWN


def test_a_message_that_fails_to_settle_holds_up_no_other(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (lose(courier, phones, created=True) for _ in range(2))
    fail_at(attempts(first)[0].id, monkeypatch)
    assert settle(courier) == 1
    assert state_of(first) == State.UNKNOWN
    assert state_of(second) != State.UNKNOWN


def test_a_text_without_its_key_holds_up_no_other(courier: Courier, phones: SandboxControl) -> None:
    unreadable, fine = (lose(courier, phones, created=True) for _ in range(2))
    Message.objects.filter(id=unreadable).update(text=b"sealed with a key that is gone")
    assert settle(courier) == 1
    assert state_of(fine) != State.UNKNOWN
    with pytest.raises(encryption.Unreadable):
        encryption.decrypt(Message.objects.get(id=unreadable).text or b"")
    shift(unreadable, policy.RESEND_EMERGENCY_AFTER)
    assert settle(courier) == 1
    assert state_of(unreadable) == State.QUEUED


def test_events_record_every_move(courier: Courier, phones: SandboxControl) -> None:
    message_id = lose(courier, phones, created=False)
    shift(message_id, AFTER_PROOF)
    settle(courier)
    assert story(message_id) == [State.SENDING, State.UNKNOWN, State.QUEUED]
    assert state_of(message_id) not in FINAL
