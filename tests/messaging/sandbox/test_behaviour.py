"""Every scripted misbehaviour, seen by a client of Twilio."""

import threading
import time
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from messaging.sandbox.control import SandboxControl
from messaging.sandbox.server import SandboxThread
from tests.messaging.sandbox.conftest import ACCOUNT_SID, AUTH_TOKEN, CONFIG

ANA, BEN = "+996700000001", "+996700000002"
AUTH = (ACCOUNT_SID, AUTH_TOKEN)


def post(url: str, to: str = ANA, timeout: float = 5) -> requests.Response:
    return requests.post(
        f"{url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
        data={"To": to, "From": "AlertMe", "Body": "Hello"},
        auth=AUTH,
        timeout=timeout,
    )


def bodies(control: SandboxControl) -> int:
    return len(control.messages(ANA))


@pytest.mark.parametrize(("status", "code"), [(429, 20429), (500, 20500), (503, 20503)])
def test_an_error_status_creates_nothing(url: str, control: SandboxControl, status: int, code: int) -> None:
    control.behave(status=status, times=1)
    answer = post(url)
    assert (answer.status_code, answer.json()["code"], bodies(control)) == (status, code, 0)
    assert post(url).status_code == 201


def test_429_says_when_to_come_back(url: str, control: SandboxControl) -> None:
    control.behave(status=429, retry_after_s=7)
    assert post(url).headers["Retry-After"] == "7"


def test_an_error_status_can_hide_a_created_message(url: str, control: SandboxControl) -> None:
    control.behave(status=500, created=True)
    assert post(url).status_code == 500
    assert bodies(control) == 1


@pytest.mark.parametrize("code", [21211, 21610, 21614, 21408])
def test_a_number_is_refused_with_a_code(twilio: Client, control: SandboxControl, code: int) -> None:
    control.behave(to=ANA, error_code=code)
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=ANA, from_="A", body="Hello")
    assert (refused.value.status, refused.value.code) == (400, code)
    assert twilio.messages.create(to=BEN, from_="A", body="Hello").sid


@pytest.mark.parametrize("final", ["undelivered", "failed"])
def test_a_final_status_carries_its_code(twilio: Client, control: SandboxControl, final: str) -> None:
    control.behave(to=ANA, final=final, error_code=30006, callback_delay_ms=0)
    sid = twilio.messages.create(to=ANA, from_="A", body="Hello").sid
    found = twilio.messages(sid).fetch()
    assert (found.status, found.error_code) == (final, 30006)
    assert found.error_message == "Landline or unreachable carrier"


def test_no_receipt_leaves_a_message_sent(twilio: Client, control: SandboxControl) -> None:
    control.behave(final="sent", callback_delay_ms=0)
    sid = twilio.messages.create(to=ANA, from_="A", body="Hello").sid
    assert twilio.messages(sid).fetch().status == "sent"


@pytest.mark.parametrize(("created", "expected"), [(None, 1), (True, 1), (False, 0)])
def test_a_lost_reply(url: str, control: SandboxControl, created: bool | None, expected: int) -> None:
    control.behave(lose_reply=True, created=created)
    with pytest.raises(requests.ConnectionError):
        post(url)
    assert bodies(control) == expected


@pytest.mark.parametrize(("created", "expected"), [(None, 1), (False, 0)])
def test_a_hang_never_answers(url: str, control: SandboxControl, created: bool | None, expected: int) -> None:
    control.behave(hang=True, created=created)
    with pytest.raises(requests.ReadTimeout):
        post(url, timeout=0.5)
    assert bodies(control) == expected


def test_latency_delays_the_answer_not_the_message(url: str, control: SandboxControl) -> None:
    control.behave(latency_ms=300)
    started = time.monotonic()
    sender = threading.Thread(target=post, args=(url,))
    sender.start()
    control.wait_for(ANA, 1, 0.2)
    sender.join()
    assert time.monotonic() - started >= 0.3


def test_a_dripping_answer_is_whole_in_the_end(url: str, control: SandboxControl) -> None:
    control.behave(drip_ms=1)
    started = time.monotonic()
    answer = post(url)
    assert answer.json()["to"] == ANA
    assert time.monotonic() - started >= 0.001 * len(answer.content)


def test_a_garbage_answer_looks_like_success(url: str, control: SandboxControl) -> None:
    control.behave(garbage=True)
    answer = post(url)
    assert answer.status_code == 201
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert bodies(control) == 1


def test_lookups_can_fail_while_creates_work(url: str, twilio: Client, control: SandboxControl) -> None:
    control.behave(fail_lists=True, times=2)
    sid = post(url).json()["sid"]
    for look_up in (lambda: twilio.messages.list(to=ANA), twilio.messages(sid).fetch):
        with pytest.raises(Exception, match=r"Unable to fetch|500"):
            look_up()
    assert twilio.messages(sid).fetch().sid == sid


def test_timed_rules_are_used_up_in_order_and_numbers_go_before_everyone(url: str, control: SandboxControl) -> None:
    control.behave(to=ANA, status=500, times=1)
    control.behave(to=ANA, status=429, times=2)
    control.behave(status=503)
    assert [post(url).status_code for _ in range(4)] == [500, 429, 429, 503]
    assert post(url, BEN).status_code == 503
    control.clear_behaviour()
    assert post(url).status_code == 201


def test_rules_add_up_and_the_newest_decides(url: str, control: SandboxControl) -> None:
    control.behave(error_code=21610)
    control.behave(callback_delay_ms=0)
    assert post(url).status_code == 400
    control.behave(final="delivered")
    assert post(url).status_code == 201
    assert control.messages(ANA)[0]["status"] == "delivered"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ({}, "nothing to do"),
        ({"to": ANA, "times": 3}, "nothing to do"),
        ({"sttaus": 500}, "unknown field 'sttaus'"),
        ({"status": 200}, "status must be"),
        ({"status": True}, "status must be"),
        ({"latency_ms": -1}, "latency_ms must be"),
        ({"latency_ms": 1.5}, "latency_ms must be"),
        ({"times": 0, "status": 500}, "times must be"),
        ({"to": "Ana", "status": 500}, "to must be"),
        ({"final": "maybe"}, "final must be"),
        ({"final": "delivered", "error_code": 30003}, "has no error_code"),
        ({"hang": "yes"}, "hang must be"),
        ({"hang": True, "status": 500}, "only one of hang, status"),
        ({"created": False}, "created needs"),
        ({"retry_after_s": 3}, "retry_after_s needs"),
        ({"callback_delay_ms": [1, 2, 3]}, "callback_delay_ms must be"),
        ({"callback_delay_ms": {"a": []}}, "callback_delay_ms must be"),
    ],
)
def test_a_bad_rule_is_refused_with_its_reason(control: SandboxControl, script: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        control.behave(**script)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"', b"[" * 60_000, b"1" * 9_999])
def test_a_body_that_is_no_rule_is_400(url: str, body: bytes) -> None:
    answer = requests.post(f"{url}/sandbox/behaviour", data=body, auth=AUTH, timeout=5)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "behaviour"), ("DELETE", "behaviour"), ("POST", "reset"), ("GET", "arrivals.json")],
)
def test_control_needs_the_password(url: str, method: str, path: str) -> None:
    assert requests.request(method, f"{url}/sandbox/{path}", timeout=5).status_code == 401


def test_arrivals_tell_when_and_what(url: str, control: SandboxControl) -> None:
    before = time.time()
    sids = [post(url).json()["sid"] for _ in range(3)]
    arrivals = control.arrivals()
    assert [(arrival.sid, arrival.to, arrival.segments) for arrival in arrivals] == [(sid, ANA, 1) for sid in sids]
    assert before <= arrivals[0].at <= arrivals[1].at <= arrivals[2].at <= time.time()
    control.reset()
    assert control.arrivals() == []


def test_waiting_in_vain_times_out(control: SandboxControl) -> None:
    with pytest.raises(TimeoutError, match="0 of 1"):
        control.wait_for(ANA, 1, 0.05)


def test_stopping_does_not_wait_for_hanging_requests() -> None:
    with SandboxThread(CONFIG) as server:
        SandboxControl(server.url, *AUTH).behave(hang=True)
        with pytest.raises(requests.ReadTimeout):
            post(server.url, timeout=0.1)
        hanging = threading.Thread(target=_post_and_fail, args=(server.url,))
        hanging.start()
        time.sleep(0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 10  # The hanging requests would take a minute.
    hanging.join()


def _post_and_fail(url: str) -> None:
    with pytest.raises(requests.ConnectionError):
        post(url)
