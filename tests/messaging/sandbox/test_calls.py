"""Calls, seen by a client of Twilio: accepted and refused requests, the life of a call, the keys pressed in it."""

from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from deploy.local.processes import wait_until
from messaging.sandbox.control import SandboxControl
from tests.messaging.sandbox.conftest import ACCOUNT_SID, AUTH_TOKEN, Received, Receiver

ANA, BEN, FROM = "+996700000001", "+996700000002", "+15005550006"
HELLO = "<Response><Say>Help</Say></Response>"
EVENTS = ["initiated", "ringing", "answered", "completed"]
AUTH = (ACCOUNT_SID, AUTH_TOKEN)


def ask(action: str) -> str:
    return f'<Response><Gather numDigits="1" action="{action}"><Say>Press 1</Say><Say>Press 1</Say></Gather></Response>'


def call(twilio: Client, twiml: str = HELLO, **more: Any) -> str:
    return str(twilio.calls.create(**({"to": ANA, "from_": FROM, "twiml": twiml} | more)).sid)


def followed(twilio: Client, receiver: Receiver, **more: Any) -> str:
    return call(twilio, status_callback=f"{receiver.url}/call/1", status_callback_event=EVENTS, **more)


def statuses(callbacks: list[Received]) -> list[str]:
    return [callback.params["CallStatus"] for callback in callbacks]


def test_an_answered_call_tells_of_every_step_in_order_and_signed(twilio: Client, receiver: Receiver) -> None:
    sid = followed(twilio, receiver)
    callbacks = receiver.take(4)
    assert statuses(callbacks) == ["initiated", "ringing", "in-progress", "completed"]
    assert [callback.params["SequenceNumber"] for callback in callbacks] == ["0", "1", "2", "3"]
    assert callbacks[-1].params["CallDuration"] == "1"
    for callback in callbacks:
        assert (callback.params["CallSid"], callback.params["To"]) == (sid, ANA)
        assert RequestValidator(AUTH_TOKEN).validate(receiver.url + "/call/1", callback.params, callback.signature)
    found = twilio.calls(sid).fetch()
    assert (found.status, found.direction, found.duration) == ("completed", "outbound-api", "1")


@pytest.mark.parametrize(
    ("final", "expected"),
    [
        ("busy", ["initiated", "busy"]),
        ("no-answer", ["initiated", "ringing", "no-answer"]),
        ("failed", ["initiated", "failed"]),
        ("canceled", ["initiated", "ringing", "canceled"]),
    ],
)
def test_a_call_that_nobody_takes(
    twilio: Client, receiver: Receiver, control: SandboxControl, final: str, expected: list[str]
) -> None:
    control.behave(channel="voice", to=ANA, final=final, callback_delay_ms=20)
    sid = followed(twilio, receiver)
    assert statuses(receiver.take(len(expected))) == expected
    found = twilio.calls(sid).fetch()
    assert (found.status, found.duration, found.start_time) == (final, "0", None)


def test_a_failed_call_has_its_code(twilio: Client, receiver: Receiver, control: SandboxControl) -> None:
    control.behave(channel="voice", final="failed", error_code=13224, callback_delay_ms=20)
    followed(twilio, receiver)
    assert receiver.take(2)[-1].params["ErrorCode"] == "13224"


def test_only_the_events_that_were_asked_for_are_told(twilio: Client, receiver: Receiver) -> None:
    call(twilio, status_callback=receiver.url, status_callback_event=["answered", "completed"])
    call(twilio, status_callback=receiver.url)
    callbacks = receiver.take(3)
    assert sorted(statuses(callbacks)) == ["completed", "completed", "in-progress"]
    assert sorted(callback.params["SequenceNumber"] for callback in callbacks) == ["0", "0", "1"]


def test_a_resource_never_says_initiated(twilio: Client, control: SandboxControl) -> None:
    control.behave(channel="voice", callback_delay_ms=[200, 5_000])
    sid = call(twilio)
    seen: set[str] = set()

    def rings() -> bool:
        seen.add(str(twilio.calls(sid).fetch().status))
        return "ringing" in seen

    assert wait_until(rings, timeout_s=3, every_s=0.01)
    assert seen == {"queued", "ringing"}


def test_a_key_is_posted_to_the_gather_and_the_answer_is_heard(
    url: str, twilio: Client, receiver: Receiver, control: SandboxControl
) -> None:
    receiver.answer = b"<Response><Say>Thanks &amp; bye</Say></Response>"
    control.behave(channel="voice", to=ANA, digits="1", callback_delay_ms=20)
    sid = call(twilio, ask(f"{receiver.url}/digit/7"))
    [pressed] = receiver.take(1)
    assert (pressed.path, pressed.params["Digits"], pressed.params["CallSid"]) == ("/digit/7", "1", sid)
    assert RequestValidator(AUTH_TOKEN).validate(receiver.url + "/digit/7", pressed.params, pressed.signature)
    assert wait_until(
        lambda: "Thanks &amp; bye" in requests.get(f"{url}/sandbox/", timeout=5).text, timeout_s=3, every_s=0.01
    )
    assert "call, pressed 1" in requests.get(f"{url}/sandbox/", timeout=5).text


def test_each_question_gets_the_next_key(twilio: Client, receiver: Receiver, control: SandboxControl) -> None:
    receiver.answer = ask(f"{receiver.url}/again").encode()
    control.behave(channel="voice", digits="91", callback_delay_ms=20)
    call(twilio, ask(f"{receiver.url}/first"))
    assert [(r.path, r.params["Digits"]) for r in receiver.take(2)] == [("/first", "9"), ("/again", "1")]


def test_without_a_script_nobody_presses_anything(twilio: Client, receiver: Receiver) -> None:
    followed(twilio, receiver, twiml=ask(f"{receiver.url}/digit"))
    assert {callback.path for callback in receiver.take(4)} == {"/call/1"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": ""}, 21201),
        ({"to": "0700"}, 21211),
        ({"from_": ""}, 21213),
        ({"from_": "AlertMe"}, 21212),
        ({"twiml": ""}, 21205),
        ({"twiml": "<Response><Say>"}, 12100),
        ({"twiml": "<Say>Help</Say>"}, 12100),
        ({"twiml": "<Response><Say>" + "a" * 4_000 + "</Say></Response>"}, 12100),
        ({"twiml": '<!DOCTYPE r [<!ENTITY a "b">]><Response>&a;</Response>'}, 12100),
        ({"twiml": "<Response><Say>\x01</Say></Response>"}, 12100),
        ({"status_callback": "nowhere"}, 21609),
        ({"twiml": ask("/relative")}, 21609),
        ({"status_callback_event": ["answered", "exploded"]}, 21626),
        ({"timeout": 601}, 20001),
        ({"time_limit": 0}, 20001),
    ],
)
def test_what_twilio_would_refuse(twilio: Client, control: SandboxControl, fields: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        call(twilio, **fields)
    assert refused.value.code == code
    assert control.calls() == []


def test_rules_are_about_one_channel(twilio: Client, control: SandboxControl) -> None:
    control.behave(to=ANA, error_code=21610)
    assert call(twilio)
    control.behave(channel="voice", to=ANA, error_code=21214)
    with pytest.raises(TwilioRestException) as refused:
        call(twilio)
    assert refused.value.code == 21214
    control.clear_behaviour()
    control.behave(channel="voice", fail_lists=True, status=503, times=1)
    assert twilio.messages.create(to=ANA, from_="A", body="Hello").sid
    assert twilio.messages.list(to=ANA)
    with pytest.raises(Exception, match=r"Unable to fetch|500"):
        twilio.calls.list(to=ANA)
    with pytest.raises(TwilioRestException):
        call(twilio)


@pytest.mark.parametrize("script", [{"lose_reply": True}, {"hang": True}, {"garbage": True}, {"status": 500}])
@pytest.mark.parametrize("created", [True, False])
def test_calls_misbehave_as_messages_do(
    url: str, control: SandboxControl, script: dict[str, Any], created: bool
) -> None:
    if "garbage" not in script:
        script = script | {"created": created}
    control.behave(channel="voice", **script)
    form = {"To": ANA, "From": FROM, "Twiml": HELLO}
    try:
        answer = requests.post(f"{url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json", data=form, auth=AUTH, timeout=1)
        assert answer.status_code in (201, 500)
    except requests.RequestException:
        assert script.keys() & {"lose_reply", "hang"}
    assert len(control.calls(ANA)) == (1 if created or "garbage" in script else 0)


def test_lists_show_their_own_kind_and_filter(twilio: Client, control: SandboxControl) -> None:
    sids = [call(twilio), call(twilio, from_="+15005550001"), call(twilio, to=BEN)]
    sms = twilio.messages.create(to=ANA, from_="A", body="Hello").sid
    assert [c.sid for c in twilio.calls.list(to=ANA)] == sids[1::-1]
    assert [c.sid for c in twilio.calls.list(to=ANA, from_=FROM)] == sids[:1]
    assert [m.sid for m in twilio.messages.list(to=ANA)] == [sms]
    assert [c.sid for c in twilio.calls.list(page_size=1, limit=9)] == sids[::-1]
    assert twilio.calls.list(status="busy") == []
    for look_up in (twilio.messages(sids[0]).fetch, twilio.calls(sms).fetch):
        with pytest.raises(TwilioRestException) as missing:
            look_up()
        assert missing.value.status == 404


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ({"channel": "fax", "status": 500}, "channel must be one of"),
        ({"final": "busy"}, "final must be one of delivered"),
        ({"channel": "voice", "final": "delivered"}, "final must be one of completed"),
        ({"channel": "voice", "final": "busy", "error_code": 13224}, "has no error_code"),
        ({"digits": "1"}, "digits needs"),
        ({"channel": "voice", "final": "busy", "digits": "1"}, "digits needs"),
        ({"channel": "voice", "digits": "one"}, "digits must be"),
        ({"channel": "voice"}, "nothing to do"),
    ],
)
def test_a_bad_rule_is_refused_with_its_reason(control: SandboxControl, script: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        control.behave(**script)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({}, "answered, ended"),
        ({"final": "no-answer"}, "missed"),
        ({"final": "busy"}, "busy"),
        ({"final": "failed", "error_code": 13224}, "could not be called (13224)"),
        ({"callback_delay_ms": [0, 60_000]}, "ringing"),
        ({"callback_delay_ms": [60_000, 0]}, "calling"),
    ],
)
def test_the_page_tells_of_a_call_as_a_person_would(
    url: str, twilio: Client, control: SandboxControl, script: dict[str, Any], words: str
) -> None:
    control.behave(channel="voice", **({"callback_delay_ms": 0} | script))
    call(twilio, "<Response><Say>Помогите</Say><Play>https://a.kg/help.mp3</Play></Response>")
    page = requests.get(f"{url}/sandbox/", timeout=5).text
    assert f'<span class="word">{words}</span>' in page
    assert "Помогите" in page
    assert 'href="https://a.kg/help.mp3"' in page


def test_nothing_goes_on_after_a_reset(twilio: Client, receiver: Receiver, control: SandboxControl) -> None:
    control.behave(channel="voice", callback_delay_ms=100)
    followed(twilio, receiver)
    control.reset()
    assert control.stats()["messages"] == 0
    # The first call's callbacks would come before those of a second one that behaves alike.
    control.behave(channel="voice", callback_delay_ms=100)
    second = followed(twilio, receiver)
    assert [callback.params["CallSid"] for callback in receiver.take(4)] == [second] * 4
