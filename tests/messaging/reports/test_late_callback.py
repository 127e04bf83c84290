"""A late callback of the first attempt races the second attempt: one SMS where possible, and no state goes back."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection

from messaging.delivery import claims
from messaging.delivery.claims import Claim, claim
from messaging.delivery.courier import Courier
from messaging.delivery.outcomes import FinishedAttempt, write_outcomes
from messaging.models import Attempt, AttemptOutcome, Deliverer
from messaging.providers import Kind, Outcome
from messaging.providers.twilio import MESSAGE
from messaging.reports import delivery_reports
from messaging.sandbox.control import SandboxControl
from messaging.states import FINAL, State
from tests.messaging.engine import ANA, attempt_ids, grant, standing, state_of, story
from tests.race import at_once

ROUNDS = 10


def again(state: State, **fields: Any) -> tuple[int, Callable[[str], Any]]:
    """A message on its way to a second attempt after a first one of unknown outcome, and a function that reports the
    first."""
    message = standing(state, attempts=1, **fields)
    Attempt.objects.filter(message=message).update(outcome=AttemptOutcome.UNKNOWN)
    [first] = attempt_ids(message.id)

    def news(status: str) -> bool:
        code = "30006" if status == "undelivered" else ""
        outcome = MESSAGE.reported(status, code=code, provider_id=f"SM{first.hex}")
        return delivery_reports.apply_report(first, outcome, by=Deliverer.CALLBACK)

    return message.id, news


def in_second_call() -> tuple[int, Callable[[str], Any], Claim]:
    message_id, news = again(State.DISPATCHED, slot_in=timedelta(0))
    [claimed] = claim([message_id], by=Deliverer.WORKER)
    return message_id, news, claimed


def answer(claimed: Claim, kind: Kind, *, sid: str = "") -> Any:
    return write_outcomes(
        [FinishedAttempt(claim=claimed, outcome=Outcome(kind=kind, provider_id=sid))], by=Deliverer.WORKER
    )


def assert_never_went_back(message_id: int) -> None:
    states = story(message_id)
    assert all(state not in FINAL for state in states[:-1]), states


def test_a_delivery_before_the_second_grant_ends_the_message(unpaced: object) -> None:
    for _ in range(ROUNDS):
        message_id, news = again(State.QUEUED)
        results = at_once(partial(news, "delivered"), grant)
        assert not [r for r in results if isinstance(r, Exception)]
        assert claim([message_id], by=Deliverer.WORKER) == []
        assert state_of(message_id) == State.DELIVERED
        assert_never_went_back(message_id)


@pytest.mark.parametrize("status", ["delivered", "undelivered"])
def test_a_callback_at_the_second_claim_stops_it_or_lets_it_go_on(unpaced: object, status: str) -> None:
    for _ in range(ROUNDS):
        message_id, news = again(State.DISPATCHED, slot_in=timedelta(0))
        _, claimed = at_once(partial(news, status), partial(claim, [message_id], by=Deliverer.WORKER))
        if claimed and status == "undelivered":
            # The second attempt has begun: it may succeed where the first one failed.
            assert state_of(message_id) == State.SENDING
            assert claims.is_open(claimed[0])
        else:
            assert state_of(message_id) == status
            assert not any(map(claims.is_open, claimed))
        assert_never_went_back(message_id)


@pytest.mark.parametrize("kind", [Kind.ACCEPTED, Kind.UNKNOWN, Kind.TRANSIENT, Kind.RECIPIENT])
def test_a_delivery_at_the_second_reply_is_kept(unpaced: object, kind: Kind) -> None:
    for number in range(ROUNDS):
        message_id, news, claimed = in_second_call()
        sid = f"SM{kind.value}{number}" if kind is Kind.ACCEPTED else ""
        results = at_once(partial(news, "delivered"), partial(answer, claimed, kind, sid=sid))
        assert not [r for r in results if isinstance(r, Exception)]
        assert state_of(message_id) == State.DELIVERED
        # A refusal that comes first ends the message `unconfirmed`; the delivery of the first attempt may still come.
        ends = [state for state in story(message_id) if state in FINAL]
        assert ends in ([State.DELIVERED], [State.UNCONFIRMED, State.DELIVERED])


def test_a_failure_of_the_first_call_does_not_end_the_second(unpaced: object) -> None:
    for number in range(ROUNDS):
        message_id, news, claimed = in_second_call()
        accepted = partial(answer, claimed, Kind.ACCEPTED, sid=f"SMsecond{number}")
        results = at_once(partial(news, "undelivered"), accepted)
        assert not [r for r in results if isinstance(r, Exception)]
        assert state_of(message_id) == State.ACCEPTED


def test_no_call_is_made_after_news_since_its_claim(courier: Courier, phones: SandboxControl) -> None:
    message_id, news = again(State.DISPATCHED, slot_in=timedelta(seconds=0.5))
    courier.deliver([message_id])
    assert state_of(message_id) == State.SENDING

    assert news("delivered")

    assert courier.drain(15)
    assert phones.messages(ANA) == []
    assert state_of(message_id) == State.DELIVERED
    assert list(Attempt.objects.filter(message_id=message_id, number=2).values_list("outcome", flat=True)) == [
        AttemptOutcome.NOT_CREATED
    ]


def test_a_database_that_is_silent_does_not_stop_a_second_call(
    courier: Courier, phones: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id, _ = again(State.DISPATCHED, slot_in=timedelta(0))
    monkeypatch.setattr("messaging.delivery.courier.ASK_S", 0.0)
    courier.deliver([message_id])
    assert courier.drain(15)
    assert len(phones.messages(ANA)) == 1


def test_a_database_that_is_away_cannot_say_no(unpaced: object) -> None:
    _, news, claimed = in_second_call()
    assert news("delivered")
    assert not claims.is_open(claimed)
    with connection.execute_wrapper(_away):
        assert claims.is_open(claimed)


def _away(*_: object) -> Any:
    raise OperationalError("the connection is lost")


def test_a_second_call_is_made_when_no_news_came(courier: Courier, phones: SandboxControl) -> None:
    message_id, _ = again(State.DISPATCHED, slot_in=timedelta(0))
    courier.deliver([message_id])
    assert courier.drain(15)
    assert len(phones.messages(ANA)) == 1
