"""Telephone calls from the outbox to the phone: the request to Twilio, every way a call ends, one call whatever is
lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders

from messaging import policy, speech
from messaging.database import clock
from messaging.delivery.courier import Courier
from messaging.models import AttemptOutcome, Channel, Message, MessageClass, OperatorAlarm
from messaging.sandbox import twiml
from messaging.sandbox.control import SandboxControl
from messaging.states import State
from tests.messaging.engine import ANA, BEN, attempts, dispatched, grant, settle, shift, state_of, watch
from tests.messaging.wire import Wire

MakeCourier = Callable[[], Courier]
SECOND = timedelta(seconds=1)
AFTER_PROOF = policy.ATTEMPT_TIMEOUT + policy.PROOF_AFTER + SECOND


def calls(count: int = 1, *, text: str = "Aida is in danger", language: str = "en", **more: Any) -> list[int]:
    return dispatched(count, channel=Channel.VOICE, text=text, language=language, **more)


def send(courier: Courier, ids: list[int]) -> None:
    courier.deliver(ids)
    assert courier.drain(15)


def called(courier: Courier, **more: Any) -> Message:
    """The message of a call after its request to Twilio."""
    [message_id] = calls(**more)
    send(courier, [message_id])
    return Message.objects.get(id=message_id)


def call_again(courier: Courier, message: Message) -> None:
    Message.objects.filter(id=message.id).update(due_at=clock.now())
    grant()
    send(courier, [message.id])
    message.refresh_from_db()


def watched(courier: Courier, message: Message) -> Message:
    """Let the watch look the call up; returns the message afterwards."""
    Message.objects.filter(id=message.id).update(due_at=clock.now())
    watch(courier)
    message.refresh_from_db()
    return message


def test_a_call_says_its_text_twice_and_asks_for_a_key(wire: Wire, make_courier: MakeCourier) -> None:
    wire.answers = [(201, {"sid": "CA1", "status": "queued"})]
    message = called(make_courier(), text="Айда <в> опасности & ждёт", language="ru")
    assert message.state == State.ACCEPTED
    [asked] = wire.asked
    [attempt] = attempts(message.id)
    assert (asked["To"], asked["From"], asked["TimeLimit"]) == (ANA, "+15005550009", "180")
    assert asked["StatusCallback"] == f"http://127.0.0.1:1/api/v1/webhooks/twilio/call/{attempt.id}/"
    script = twiml.read(asked["Twiml"])
    assert script.lines == ("Айда <в> опасности & ждёт",) * 2
    assert script.action == f"http://127.0.0.1:1/api/v1/webhooks/twilio/digit/{attempt.id}/"
    assert 'language="ru-RU"' in asked["Twiml"]
    assert 'numDigits="1"' in asked["Twiml"]
    assert attempt.provider_id == "CA1"


@pytest.mark.parametrize(("left", "rings"), [(SECOND, "5"), (20 * SECOND, None), (timedelta(hours=1), "40")])
def test_a_call_rings_no_longer_than_it_is_worth(
    left: timedelta, rings: str | None, wire: Wire, make_courier: MakeCourier
) -> None:
    wire.answers = [(201, {"sid": "CA1", "status": "queued"})]
    called(make_courier(), deadline_in=left)
    assert wire.asked[0]["Timeout"] == rings or 15 <= int(wire.asked[0]["Timeout"]) <= 20


def test_kyrgyz_is_played_and_no_url_holds_a_word_of_the_text(wire: Wire, make_courier: MakeCourier) -> None:
    wire.answers = [(201, {"sid": "CA1", "status": "queued"})]
    called(make_courier(), text="Aida +996700111222", language="ky", recording=speech.Prompt.HELP)
    script = twiml.read(wire.asked[0]["Twiml"])
    assert script.lines == ("http://127.0.0.1:1/static/messaging/voice/ky/help.mp3",) * 2
    assert "Aida" not in wire.asked[0]["Twiml"]


@pytest.mark.parametrize("language", sorted(speech.PROMPT_LANGUAGES))
@pytest.mark.parametrize("recording", speech.Prompt.values)
def test_every_recording_exists_and_is_small(language: str, recording: str) -> None:
    path = finders.find(f"messaging/voice/{language}/{recording}.mp3")
    assert path, "not found by static files"
    with open(path, "rb") as file:
        content = file.read()
    # An MPEG audio frame begins with eleven bits that are 1.
    assert content[0] == 0xFF
    assert content[1] & 0xE0 == 0xE0
    assert 5_000 < len(content) < 150_000


def test_the_urls_of_recordings_are_answered(client: Any) -> None:
    heard = twiml.read(speech.thanking(language="ky"))
    answer = client.get(urlsplit(heard.lines[0]).path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/mpeg")


@pytest.mark.parametrize("text", ["a" * speech.MAX_SPOKEN, "&" * speech.MAX_SPOKEN, "я" * speech.MAX_SPOKEN])
def test_the_longest_text_fits_twilios_limit(text: str, courier: Courier, phones: SandboxControl) -> None:
    assert called(courier, text=text).state == State.ACCEPTED
    assert phones.arrivals()[0].body == text


def test_signs_that_xml_cannot_hold_cost_no_call(courier: Courier, phones: SandboxControl) -> None:
    assert called(courier, text="Aida\x00\x0b\ud7ff\ufffe needs\nhelp").state == State.ACCEPTED
    assert "needs help" in phones.arrivals()[0].body


@pytest.mark.parametrize("code", [13224, 21211, 21214, 21216, 21217])
def test_a_number_that_cannot_be_called_fails_the_message(code: int, courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", error_code=code)
    message = called(courier)
    assert (message.state, message.error_code, message.text) == (State.FAILED, str(code), None)
    assert not OperatorAlarm.objects.exists()


@pytest.mark.parametrize("code", [20003, 20404, 13227, 21210, 21212, 21215, 21219, 12100])
def test_a_configuration_error_alarms_the_operator_and_the_call_waits(
    code: int, courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(channel="voice", error_code=code)
    message = called(courier)
    assert (message.state, message.error_code) == (State.QUEUED, str(code))
    assert OperatorAlarm.objects.get().code == "provider_configuration"


def test_an_unknown_code_is_tried_three_times_and_reported(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", error_code=29999)
    message = called(courier)
    for _ in range(2):
        call_again(courier, message)
    assert (message.state, message.attempts) == (State.FAILED, 3)
    assert OperatorAlarm.objects.get().code == "provider_unrecognised"


@pytest.mark.parametrize("script", [{"status": 429, "retry_after_s": 9}, {"error_code": 10004}])
def test_too_many_calls_at_once_are_made_later(
    script: dict[str, int], courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(channel="voice", times=1, **script)
    message = called(courier)
    assert message.state == State.QUEUED
    call_again(courier, message)
    assert message.state == State.ACCEPTED
    assert len(phones.calls(ANA)) == 1


@pytest.mark.parametrize("final", ["busy", "no-answer", "failed"])
def test_an_unanswered_call_is_made_three_times_in_all(final: str, courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", final=final, callback_delay_ms=0)
    message = called(courier)
    for number in (1, 2, 3):
        assert watched(courier, message).attempts == number
        if number < 3:
            assert (message.state, message.error_code) == (State.QUEUED, final)
            assert message.due_at > clock.now() + 20 * SECOND
            call_again(courier, message)
    assert message.state == (State.FAILED if final == "failed" else State.UNDELIVERED)
    assert (message.error_code, message.text) == (final, None)
    assert [a.outcome for a in attempts(message.id)] == [AttemptOutcome.UNDELIVERED] * 3
    assert len(phones.calls(ANA)) == 3
    assert not OperatorAlarm.objects.exists()


def test_a_call_stopped_at_twilios_console_is_not_made_again(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", final="canceled", callback_delay_ms=0)
    assert watched(courier, called(courier)).state == State.FAILED


def test_a_call_that_rings_is_on_its_way_and_one_heard_to_its_end_delivered(
    courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(channel="voice", to=ANA, callback_delay_ms=[0, 600_000])
    assert watched(courier, called(courier)).state == State.SENT
    phones.behave(channel="voice", to=BEN, callback_delay_ms=0)
    assert watched(courier, called(courier, to=BEN)).state == State.DELIVERED


def test_a_call_twilio_lost_ends_unconfirmed(courier: Courier, phones: SandboxControl) -> None:
    message = called(courier)
    phones.reset()
    assert watched(courier, message).error_code == "provider_lost_it"


@pytest.mark.parametrize(
    "script",
    [{"lose_reply": True}, {"garbage": True}, {"status": 500, "created": True}, {"status": 503, "created": True}],
)
def test_after_a_lost_reply_the_call_is_found_and_not_made_again(
    script: dict[str, Any], courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(channel="voice", **script)
    message = called(courier)
    assert message.state == State.UNKNOWN
    assert settle(courier) == 1
    [attempt] = attempts(message.id)
    assert attempt.provider_id == phones.calls(ANA)[0]["sid"]
    assert len(phones.calls(ANA)) == 1
    assert state_of(message.id) not in (State.UNKNOWN, State.QUEUED)


def test_a_call_that_was_not_made_is_made_again_once_that_is_proved(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", lose_reply=True, created=False, times=1)
    message = called(courier, kind=MessageClass.SAFETY)
    assert settle(courier) == 0
    shift(message.id, AFTER_PROOF)
    assert settle(courier) == 1
    call_again(courier, message)
    assert message.state == State.ACCEPTED
    assert len(phones.calls(ANA)) == 1


def test_neither_an_earlier_call_nor_one_of_another_message_is_evidence(
    courier: Courier, phones: SandboxControl
) -> None:
    known = called(courier)
    phones.behave(channel="voice", lose_reply=True, created=False, times=1)
    lost = called(courier)
    shift(lost.id, AFTER_PROOF)
    assert attempts(known.id)[0].provider_id
    assert settle(courier) == 1
    assert state_of(lost.id) == State.QUEUED


def test_two_lost_calls_to_one_phone_find_one_each(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", lose_reply=True)
    ids = calls(2)
    send(courier, ids)
    for _ in range(2):
        settle(courier)
    assert sorted(attempts(i)[0].provider_id for i in ids) == sorted(call["sid"] for call in phones.calls(ANA))
    assert not {state_of(i) for i in ids} & {State.UNKNOWN, State.QUEUED}


def test_without_any_evidence_only_an_emergency_calls_again(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", lose_reply=True, fail_lists=True)
    urgent, other = called(courier), called(courier, to=BEN, kind=MessageClass.SAFETY)
    for message in (urgent, other):
        shift(message.id, policy.RESEND_EMERGENCY_AFTER)
    settle(courier)
    assert (state_of(urgent.id), state_of(other.id)) == (State.QUEUED, State.UNKNOWN)
    shift(other.id, policy.GIVE_UP_LOOKING_AFTER)
    settle(courier)
    assert state_of(other.id) == State.UNCONFIRMED


def test_a_slow_provider_of_calls_delays_no_sms(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(channel="voice", latency_ms=1_500)
    [call_id], [sms_id] = calls(), dispatched(to=BEN)
    courier.deliver([call_id, sms_id])
    assert phones.wait_for(BEN, 1, 5)
    assert state_of(call_id) == State.SENDING
    assert courier.drain(15)
    assert (state_of(call_id), state_of(sms_id)) == (State.ACCEPTED, State.ACCEPTED)
