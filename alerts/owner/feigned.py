"""The moves of messages that the owner's devices show under duress: the moves as if the alert had ended at the moment
of the duress PIN (the pretended end).

A message that had not left by then is shown as stopped by the pretended end. An attempt that was under way is shown
with its real outcome. A message that is really tried again is shown as given up, since the end of an alert is the
deadline of its messages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.models import FeignedEnd
from messaging.history import DEADLINE_PASSED, Move
from messaging.models import Deliverer
from messaging.states import AFTER_A_DOUBT, FINAL, WITH_THE_PROVIDER, State


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownMove:
    """A move that the owner's devices show.

    `move_id`: the id of the real move that this one shows; None: only the pretended end made this move.
    """

    move_id: int | None
    state: State
    at: datetime
    error_code: str


def shown_moves(feigned: FeignedEnd, moves: Sequence[Move]) -> list[ShownMove]:
    """The moves that the owner's devices show of one message, in order; never empty.

    `moves` are the real moves of a message that asked for help before the pretended end.
    """
    before = [move for move in moves if move.id <= feigned.last_event_id]
    after = [move for move in moves if move.id > feigned.last_event_id]
    shown = [_as_it_is(move) for move in before]
    state = State(feigned.states[str(before[-1].message_id)])
    if state is not before[-1].state:
        shown.append(ShownMove(move_id=None, state=state, at=feigned.at, error_code=""))
    return [*shown, *_moves_after(state, feigned, after)]


def _moves_after(state: State, feigned: FeignedEnd, after: Sequence[Move]) -> Iterator[ShownMove]:
    """Yield the moves to show from after the pretended end; `state` is the message's state at the pretended end."""
    if state is State.UNCONFIRMED:
        yield from (_as_it_is(move) for move in after if _settles_doubt(move, feigned))
    elif state not in FINAL:
        for move in after:
            if move.state is State.QUEUED:
                yield from _instead_of_another_attempt(move, from_state=state)
                return
            yield _as_it_is(move)
            state = move.state


def _as_it_is(move: Move) -> ShownMove:
    return ShownMove(move_id=move.id, state=move.state, at=move.at, error_code=move.error_code)


def _settles_doubt(move: Move, feigned: FeignedEnd) -> bool:
    """Whether the move reports on an attempt that was under way at the pretended end."""
    is_of_then = move.attempt_began_at is not None and move.attempt_began_at <= feigned.at
    return is_of_then and move.state in AFTER_A_DOUBT


def _instead_of_another_attempt(again: Move, *, from_state: State) -> Iterator[ShownMove]:
    """Yield the moves to show instead of this real move back to `queued`: after an end messaging
    makes no new attempt.
    """
    if from_state in WITH_THE_PROVIDER or again.by == Deliverer.CALLBACK:
        # The provider reported a failure that another attempt might have mended. Its report is then the end.
        yield ShownMove(move_id=again.id, state=State.UNDELIVERED, at=again.at, error_code=again.error_code)
    else:
        yield _as_it_is(again)
        yield _given_up(again)


def _given_up(again: Move) -> ShownMove:
    """The end that messaging gives a message which is queued again after its deadline.

    Messaging needs a short time for this end. The time differs from message to message and stays the same for each: it
    is computed from the move's id.
    """
    moment = timedelta(microseconds=20_000 + again.id * 7_919_777 % 400_000)
    state = State.UNCONFIRMED if again.leaves_a_doubt else State.EXPIRED
    return ShownMove(move_id=again.id, state=state, at=again.at + moment, error_code=DEADLINE_PASSED)
