"""Status callbacks, received by a real server and verified with Twilio's own validator."""

import queue
import time

import pytest
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from deploy.local.processes import wait_until
from messaging.sandbox.control import SandboxControl
from tests.messaging.sandbox.conftest import ACCOUNT_SID, AUTH_TOKEN, Receiver

ANA = "+996700000001"
PATH = "/webhooks/twilio/%41-attempt?x=1&y=%2F"


def send(twilio: Client, receiver: Receiver, body: str = "Hello") -> str:
    made = twilio.messages.create(to=ANA, from_="AlertMe", body=body, status_callback=receiver.url + PATH)
    return str(made.sid)


def test_sent_then_delivered_at_their_times_and_signed(twilio: Client, receiver: Receiver) -> None:
    started = time.monotonic()
    sid = send(twilio, receiver)
    sent, delivered = receiver.take(2)
    assert 0.4 <= time.monotonic() - started < 3
    assert sent.params == {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "From": "AlertMe",
        "MessageSid": sid,
        "MessageStatus": "sent",
        "SmsSid": sid,
        "SmsStatus": "sent",
        "To": ANA,
    }
    assert delivered.params["MessageStatus"] == "delivered"
    for callback in (sent, delivered):
        assert callback.path == PATH
        validator = RequestValidator(AUTH_TOKEN)
        assert validator.validate(receiver.url + PATH, callback.params, callback.signature)
        assert not validator.validate(receiver.url + PATH, callback.params | {"To": "+1"}, callback.signature)


@pytest.mark.parametrize(("final", "statuses"), [("undelivered", ["sent", "undelivered"]), ("failed", ["failed"])])
def test_failures_come_with_their_code(
    twilio: Client, receiver: Receiver, control: SandboxControl, final: str, statuses: list[str]
) -> None:
    control.behave(final=final, error_code=30003, callback_delay_ms=[0, 50])
    send(twilio, receiver)
    callbacks = receiver.take(len(statuses))
    assert [callback.params["MessageStatus"] for callback in callbacks] == statuses
    assert callbacks[-1].params["ErrorCode"] == "30003"


def test_steps_due_at_once_keep_their_order_of_posting(
    twilio: Client, receiver: Receiver, control: SandboxControl
) -> None:
    control.behave(callback_delay_ms=[10, 30], duplicate_callbacks=True)
    send(twilio, receiver)
    statuses = [callback.params["MessageStatus"] for callback in receiver.take(4)]
    assert statuses == ["sent", "sent", "delivered", "delivered"]


def test_callbacks_can_be_off(twilio: Client, receiver: Receiver, control: SandboxControl) -> None:
    control.behave(callbacks=False, callback_delay_ms=0)
    sid = send(twilio, receiver)
    with pytest.raises(queue.Empty):
        receiver.take(1, timeout_s=0.15)
    assert twilio.messages(sid).fetch().status == "delivered"


def test_callbacks_still_come_after_a_lost_reply(twilio: Client, receiver: Receiver, control: SandboxControl) -> None:
    control.behave(lose_reply=True, callback_delay_ms=0)
    with pytest.raises(OSError, match=r"aborted|reset"):
        send(twilio, receiver)
    assert {callback.params["MessageStatus"] for callback in receiver.take(2)} == {"sent", "delivered"}


@pytest.mark.parametrize("answer_status", [500, 302])
def test_a_callback_that_fails_is_counted_and_not_repeated(
    twilio: Client, receiver: Receiver, control: SandboxControl, answer_status: int
) -> None:
    receiver.answer_status = answer_status
    control.behave(final="sent", callback_delay_ms=0)
    send(twilio, receiver)
    receiver.take(1)
    assert wait_until(lambda: control.stats()["callbacks"]["failed"] == 1, timeout_s=3, every_s=0.01)
    with pytest.raises(queue.Empty):
        receiver.take(1, timeout_s=0.1)


@pytest.mark.parametrize(
    "target",
    [
        "http://192.0.2.1/x",
        "https://example.com/x",
        "http://127.0.0.1@example.com/x",
        "http://127.0.0.1.example.com/",
        "http://2130706433/",
        "http://0.0.0.0/",
    ],
)
def test_only_this_machine_is_called(twilio: Client, control: SandboxControl, target: str) -> None:
    twilio.messages.create(to=ANA, from_="A", body="Hello", status_callback=target)
    counts = control.stats()["callbacks"]
    assert (counts["refused"], counts["waiting"]) == (1, 0)


def test_a_reset_drops_what_is_due(twilio: Client, receiver: Receiver, control: SandboxControl) -> None:
    control.behave(callback_delay_ms=100)
    send(twilio, receiver)
    control.reset()
    with pytest.raises(queue.Empty):
        receiver.take(1, timeout_s=0.25)
