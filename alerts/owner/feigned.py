"""The moves of messages that the owner's devices show under duress: the moves as if the alert had ended at the moment
of the duress PIN (the pretended end).

A message that had not left is shown in the state that the snapshot has for it, for example cancelled. A message whose
attempt was under way is shown moving on as it really does, because its provider knows nothing of the end. It is shown
given up where an ended alert's message would be: where the engine really attempts it again, or waits for it longer. The
end of an alert is the deadline of its messages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.models import FeignedEnd
from messaging import policy
from messaging.history import DEADLINE_PASSED, NEVER_FINISHED, NO_EVIDENCE, NOT_CREATED, Move
from messaging.models import Deliverer
from messaging.states import AFTER_A_DOUBT, FINAL, TAKEN, WITH_THE_PROVIDER, State

# The status by which a provider reports a call that could not be made; any other failure that another attempt might
# mend is an `undelivered` one.
_CALL_FAILED = "failed"
# The longest time until the engine notices that the time of a message has passed.
_SWEPT_WITHIN, _LOOKED_AT_WITHIN = timedelta(milliseconds=420), policy.LOOK_AGAIN_AFTER


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownMove:
    """A move that the owner's devices show.

    `move_id`: the id of the real move that this one shows; None: only the pretended end made this move.
    """

    move_id: int | None
    state: State
    at: datetime
    error_code: str


def shown_moves(feigned: FeignedEnd, moves: Sequence[Move], *, now: datetime) -> list[ShownMove]:
    """The moves to show of one message that asked for help before the pretended end, in order; at least one.

    `moves` are all real moves of the message, in order.
    """
    before = [move for move in moves if move.id <= feigned.last_event_id]
    after = [move for move in moves if move.id > feigned.last_event_id]
    told = _Told(shown=[_as_it_is(move) for move in before])
    state = State(feigned.states[str(before[-1].message_id)])
    if state is not before[-1].state:
        told.shown.append(ShownMove(move_id=None, state=state, at=feigned.at, error_code=""))
    for move in after:
        told.give_up_before(move.at, feigned)
        told.hear_of(move, feigned)
    told.give_up_before(now, feigned)
    return told.shown


@dataclass(kw_only=True, slots=True)
class _Told:
    """The moves to show of one message, as far as its real moves have been read. `again`: the first real move back to
    `queued` since the pretended end; None: there is none so far.
    """

    shown: list[ShownMove] = field(default_factory=list)
    again: Move | None = None

    @property
    def last(self) -> ShownMove:
        return self.shown[-1]

    def hear_of(self, move: Move, feigned: FeignedEnd) -> None:
        """Read a real move from after the pretended end. Add it to `shown`, or the move that a real end would have made
        of it, or nothing if a real end would have prevented it.
        """
        if self.last.state is State.UNCONFIRMED:
            tells = move.state in AFTER_A_DOUBT and _is_of_then(move, feigned)
        elif self.last.state in FINAL:
            tells = False
        elif self.again is not None:
            # Later attempts are not shown. A report on the attempt of that time is.
            tells = self.last.state is State.UNKNOWN and _is_of_then(move, feigned) and move.state is not State.QUEUED
        elif move.state is State.QUEUED:
            self.again = move
            self.shown.extend(_instead_of_another_attempt(move, from_state=self.last.state))
            return
        else:
            tells = move.error_code != NEVER_FINISHED
        if tells:
            self.shown.append(_as_it_is(move))

    def give_up_before(self, moment: datetime, feigned: FeignedEnd) -> None:
        """Add to `shown` the final move that the engine would have made after a real end, if it was due by `moment`."""
        given_up = self._given_up(feigned)
        if given_up is not None and given_up.at <= moment:
            self.shown.append(given_up)

    def _given_up(self, feigned: FeignedEnd) -> ShownMove | None:
        last = self.last
        state, code = State.UNCONFIRMED, NO_EVIDENCE
        if last.state is State.UNKNOWN:
            at = max(last.at + policy.GIVE_UP_LOOKING_AFTER, feigned.at) + _moment(last, _LOOKED_AT_WITHIN)
        elif last.state in WITH_THE_PROVIDER:
            at, code = _never_finished_at(self.shown, feigned) + _moment(last, _LOOKED_AT_WITHIN), NEVER_FINISHED
        elif last.state is State.QUEUED and self.again is not None:
            state = State.UNCONFIRMED if self.again.leaves_a_doubt else State.EXPIRED
            at, code = last.at + _moment(last, _SWEPT_WITHIN), DEADLINE_PASSED
        else:
            return None
        return ShownMove(move_id=None, state=state, at=at, error_code=code)


def _as_it_is(move: Move) -> ShownMove:
    return ShownMove(move_id=move.id, state=move.state, at=move.at, error_code=move.error_code)


def _is_of_then(move: Move, feigned: FeignedEnd) -> bool:
    """Whether the move reports on an attempt that began before the pretended end."""
    return move.attempt_began_at is not None and move.attempt_began_at <= feigned.at


def _instead_of_another_attempt(again: Move, *, from_state: State) -> Iterator[ShownMove]:
    """Yield the move to show for `again`, a real move back to `queued`.

    Nothing, if an earlier attempt may have reached the provider; a failure, if the provider reported one; otherwise
    `again` itself. `from_state` is the state that is shown before it.
    """
    if again.leaves_a_doubt:
        return  # Past its deadline a message that may have arrived is not sent again: the look-ups go on.
    is_looked_up = from_state is State.UNKNOWN and again.by == Deliverer.SCHEDULER
    is_report = is_looked_up and again.error_code != NOT_CREATED
    if from_state in WITH_THE_PROVIDER or again.by == Deliverer.CALLBACK or is_report:
        # The provider reported a failure that another attempt might have mended. Its report is then the end.
        state = State.FAILED if again.error_code == _CALL_FAILED else State.UNDELIVERED
        yield ShownMove(move_id=again.id, state=state, at=again.at, error_code=again.error_code)
    else:
        yield _as_it_is(again)


def _never_finished_at(shown: Sequence[ShownMove], feigned: FeignedEnd) -> datetime:
    """When the engine would look up the message for the first time after NEVER_FINISHED_AFTER from the pretended end.

    With that look-up it gives up a message that the provider has taken and not finished.
    """
    accepted_at = next(move.at for move in shown if move.state in TAKEN)
    look_up_at = shown[-1].at + policy.AWAITING_CALLBACK
    while look_up_at < feigned.at + policy.NEVER_FINISHED_AFTER:
        age = look_up_at - accepted_at
        look_up_at += min(max(age, policy.AWAITING_CALLBACK), policy.WATCH_AT_MOST_EVERY)
    return look_up_at


def _moment(last: ShownMove, longest: timedelta) -> timedelta:
    """The delay to show between the due time of a message's final move and the move: 20 ms to almost `longest`.

    It is computed from the id of the last move: it looks random, and is the same whenever the message is read.
    """
    return timedelta(microseconds=20_000) + longest * ((last.move_id or 0) * 7_919_777 % 1_000_003 / 1_000_003) * 0.95
