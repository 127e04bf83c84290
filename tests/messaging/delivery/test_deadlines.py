"""A message whose deadline passed anywhere on the way is not sent any more and ends `expired`.

A request to the provider says for how long its message is worth delivering.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import F

from messaging import policy
from messaging.database import clock
from messaging.delivery import sweeping
from messaging.delivery.courier import Courier
from messaging.models import Message, MessageClass, Sender
from messaging.providers import twilio_http
from messaging.sandbox.control import SandboxControl
from messaging.states import State
from tests.messaging.engine import ANA, dispatched, grant, granted_ids, queued, set_pace, sms, standing, state_of

TEN_HOURS_S = 36_000  # The longest that Twilio takes.
CODE = MessageClass.VERIFICATION


@pytest.mark.parametrize("kind", MessageClass)
def test_the_validity_period_is_that_of_the_class(kind: MessageClass, courier: Courier, phones: SandboxControl) -> None:
    queued(sms(kind=kind))
    Message.objects.update(due_at=clock.now())
    courier.deliver(granted_ids())
    assert courier.drain(15)
    [arrival] = phones.arrivals()
    expected = min(policy.DEFAULT_DEADLINES[kind].total_seconds(), TEN_HOURS_S)
    assert arrival.validity_s is not None
    assert expected - 10 <= arrival.validity_s <= expected


def test_the_classes_differ(courier: Courier) -> None:
    assert len({min(d.total_seconds(), TEN_HOURS_S) for d in policy.DEFAULT_DEADLINES.values()}) == len(MessageClass)


def late_in_the_queue() -> int:
    return standing(State.QUEUED, kind=CODE, deadline_in=timedelta(milliseconds=-1)).id


def late_in_the_broker() -> int:
    return dispatched(kind=CODE, deadline_in=timedelta(milliseconds=-1))[0]


def late_before_its_slot() -> int:
    set_pace(10)
    return dispatched(kind=CODE, slot_in=timedelta(milliseconds=600), deadline_in=timedelta(milliseconds=400))[0]


@pytest.mark.parametrize("late", [late_in_the_queue, late_in_the_broker, late_before_its_slot])
def test_an_expired_code_is_never_sent(
    late: Callable[[], int], courier: Courier, phones: SandboxControl, unpaced: Sender
) -> None:
    message_id = late()
    for _ in range(2):
        grant()
        courier.deliver([message_id])
        assert courier.drain(15)
        sweeping.sweep()
    assert state_of(message_id) == State.EXPIRED
    assert Message.objects.get(id=message_id).text is None
    assert phones.messages(ANA) == []


def test_a_code_that_expires_while_its_connection_is_made_is_not_sent(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer of the request looks at the clock last, so it notices a slow connection and a frozen process."""
    write_bytes = twilio_http._PunctualRequest.write_bytes
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 1.2)

    async def write_later(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(twilio_http, "time", later)
        await write_bytes(*arguments, **more)

    monkeypatch.setattr(twilio_http._PunctualRequest, "write_bytes", write_later)
    [message_id] = dispatched(kind=CODE, deadline_in=timedelta(seconds=1))
    courier.deliver([message_id])
    assert courier.drain(15)
    assert phones.arrivals() == []
    Message.objects.filter(id=message_id).update(deadline_at=F("deadline_at") - timedelta(seconds=1.2))
    sweeping.sweep()
    assert state_of(message_id) == State.EXPIRED


def test_a_code_that_expires_while_its_call_is_in_doubt_is_not_sent_again(
    courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(status=429, retry_after_s=0, times=1)
    [message_id] = dispatched(kind=CODE, deadline_in=timedelta(seconds=1))
    courier.deliver([message_id])
    assert courier.drain(15)
    assert state_of(message_id) == State.QUEUED
    Message.objects.filter(id=message_id).update(deadline_at=Message.objects.get(id=message_id).queued_at)
    grant()
    courier.deliver([message_id])
    sweeping.sweep()
    assert state_of(message_id) == State.EXPIRED
    assert phones.messages(ANA) == []
