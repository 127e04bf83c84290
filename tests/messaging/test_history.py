"""The story of a message, as the apps above may ask for it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging import history
from messaging.database import clock
from messaging.database.sql import rows
from messaging.models import AttemptOutcome, Deliverer, KeyPress, Message
from messaging.moves import Change, move
from messaging.states import ENDED_UNSENT, State
from tests.messaging.engine import attempt_of, queued, sms, standing

pytestmark = pytest.mark.django_db

PATH = (State.DISPATCHED, State.QUEUED, State.DISPATCHED, State.SENDING, State.QUEUED, State.DELIVERED)


def travelled(*path: State) -> Message:
    """A message that has made these moves, the last of them with an attempt."""
    [message] = queued(sms())
    attempt = attempt_of(message)
    for state in path:
        change = Change(
            id=message.id, to=state, error_code="20503", attempt_id=attempt.id if state is path[-1] else None
        )
        assert move([change], by=Deliverer.WORKER, now=clock.now())
    return message


def test_moves_come_in_order_with_their_attempts_by_one_query() -> None:
    one, other = travelled(*PATH), travelled(State.EXPIRED)
    with CaptureQueriesContext(connection) as captured:
        moves = history.moves([one.id, other.id])
    assert len(captured) == 1
    assert [each.state for each in moves[one.id]] == [State.QUEUED, *PATH]
    assert [each.state for each in moves[other.id]] == [State.QUEUED, State.EXPIRED]
    first, *_, last = moves[one.id]
    assert (first.by, first.error_code, first.attempt_id, first.attempt_began_at) == ("web", "", None, None)
    assert (last.message_id, last.by, last.error_code) == (one.id, "worker", "20503")
    [attempt] = history.attempts([one.id])[one.id]
    assert (last.attempt_id, last.attempt_began_at) == (attempt.id, attempt.started_at)
    assert history.last_move([one.id]) == last.id
    assert (history.moves([]), history.last_move([])) == ({}, 0)


def test_attempts_come_in_order() -> None:
    message = standing(State.SENDING, attempts=3)
    assert [each.number for each in history.attempts([message.id])[message.id]] == [1, 2, 3]


def test_a_message_queued_again_without_evidence_leaves_a_doubt() -> None:
    message = travelled(State.DISPATCHED, State.SENDING, State.UNKNOWN)
    again = Change(id=message.id, to=State.QUEUED, error_code=history.NO_EVIDENCE)
    assert move([again], by=Deliverer.SCHEDULER, now=clock.now())
    assert [each.leaves_a_doubt for each in history.moves([message.id])[message.id]] == [False] * 4 + [True]


def test_news_leaves_out_the_steps_of_the_engine() -> None:
    message = travelled(*PATH)
    found = rows(f"SELECT state, channel FROM {history.NEWS} n WHERE message_id = %s ORDER BY id", [message.id])
    assert found == [("queued", "sms"), ("queued", "sms"), ("delivered", "sms")]


def test_news_reads_no_moves_of_other_messages() -> None:
    """Found: without statistics the planner read every older move of all messages; one alert took over 5 s."""
    rows("ANALYZE messaging_messageevent")
    rows("SET LOCAL enable_seqscan = off")
    plan = "\n".join(line for (line,) in rows(f"EXPLAIN SELECT state FROM {history.NEWS} n WHERE message_id = 1"))
    assert "messaging_messageevent_message_id" in plan
    assert "Backward" not in plan


@pytest.mark.parametrize("outcome", [None, *AttemptOutcome])
@pytest.mark.parametrize("state", State)
def test_a_message_may_have_been_sent_unless_its_end_and_attempts_say_no(
    state: State, outcome: AttemptOutcome | None
) -> None:
    message = standing(state)
    attempt = attempt_of(message, outcome=outcome or AttemptOutcome.NOT_CREATED)
    # A key press is a row that names its message, as the rows of other apps do.
    KeyPress.objects.create(attempt=attempt, digit="1", at=clock.now())
    found = KeyPress.objects.filter(attempt__message=message)
    may_have = history.may_have_been_sent("attempt__message")
    is_certain_not = state in ENDED_UNSENT and outcome in (None, AttemptOutcome.NOT_CREATED)
    assert found.filter(may_have).exists() is not is_certain_not
