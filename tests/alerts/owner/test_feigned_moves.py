"""Moves that the owner's devices are shown of messages that were in flight when the duress PIN was typed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.models import FeignedEnd
from alerts.owner import feigned
from messaging import history
from messaging.models import Deliverer
from messaging.states import State

END = datetime(2026, 1, 1, tzinfo=UTC)


def moves_of(*made: tuple[State, float, str]) -> list[history.Move]:
    """Moves of one message with the seconds after the pretended end at which they were made."""
    return [
        history.Move(
            id=number,
            message_id=1,
            state=state,
            at=END + timedelta(seconds=after_s),
            by=Deliverer.SCHEDULER,
            error_code=code,
            attempt_id=UUID(int=1),
            attempt_began_at=END - timedelta(seconds=9),
        )
        for number, (state, after_s, code) in enumerate(made, start=1)
    ]


def shown_at(made: list[history.Move], *, minutes: float, state: State, last: int = 1) -> list[tuple[State, str]]:
    end = FeignedEnd(at=END, states={"1": str(state)}, last_event_id=last)
    moves = feigned.shown_moves(end, made, now=END + timedelta(minutes=minutes))
    return [(move.state, move.error_code) for move in moves]


def test_an_unknown_message_is_given_up_after_five_minutes() -> None:
    made = moves_of((State.UNKNOWN, -1, ""), (State.QUEUED, 9, history.NO_EVIDENCE), (State.UNDELIVERED, 400, "30003"))
    unknown, given_up = (State.UNKNOWN, ""), (State.UNCONFIRMED, history.NO_EVIDENCE)
    assert shown_at(made[:2], minutes=4.9, state=State.UNKNOWN) == [unknown]
    assert shown_at(made[:2], minutes=5.1, state=State.UNKNOWN) == [unknown, given_up]
    # A report on the attempt of then is news to either world.
    assert shown_at(made, minutes=7, state=State.UNKNOWN) == [unknown, given_up, (State.UNDELIVERED, "30003")]


def test_a_message_without_a_receipt_is_given_up_half_an_hour_after_the_end() -> None:
    """Found: after the message's own deadline of an hour under duress; the end of an alert is its deadline."""
    made = moves_of((State.SENT, -60, ""), (State.UNCONFIRMED, 5_400, history.NEVER_FINISHED))
    sent, given_up = (State.SENT, ""), (State.UNCONFIRMED, history.NEVER_FINISHED)
    # The watch looks 2, 4, 8, 16 and 32 minutes after acceptance.
    assert shown_at(made[:1], minutes=30.9, state=State.SENT) == [sent]
    assert shown_at(made[:1], minutes=31.1, state=State.SENT) == [sent, given_up]
    assert shown_at(made, minutes=200, state=State.SENT) == [sent, given_up]


def test_nothing_is_shown_before_its_time() -> None:
    """Found: a message that was queued again was shown expired at a moment that had not come."""
    made = moves_of((State.SENDING, -1, ""), (State.QUEUED, 1, "20503"))
    queued = [(State.SENDING, ""), (State.QUEUED, "20503")]
    assert shown_at(made, minutes=1 / 60, state=State.SENDING) == queued
    assert shown_at(made, minutes=1, state=State.SENDING) == [*queued, (State.EXPIRED, history.DEADLINE_PASSED)]


@pytest.mark.parametrize(("code", "state"), [("busy", State.UNDELIVERED), ("failed", State.FAILED)])
def test_a_call_that_failed_ends_as_its_provider_says(code: str, state: State) -> None:
    made = moves_of((State.SENT, -1, ""), (State.QUEUED, 1, code))
    assert shown_at(made, minutes=1, state=State.SENT)[-1] == (state, code)
