from datetime import timedelta
from functools import partial

import pytest

from messaging.database import clock
from messaging.database.sql import rows
from messaging.models import Deliverer, Message, MessageEvent
from messaging.moves import Change, move
from messaging.signals import not_delivered
from messaging.states import FINAL, State
from tests.messaging.engine import attempt_ids, standing, state_of
from tests.race import at_once

# The state machine written out: each state, and every state a message may go to from it.
ALLOWED = {
    State.QUEUED: "dispatched accepted sent delivered undelivered failed expired cancelled unconfirmed",
    State.DISPATCHED: "queued sending accepted sent delivered undelivered failed expired cancelled unconfirmed",
    State.SENDING: "queued unknown accepted sent delivered undelivered failed unconfirmed",
    State.UNKNOWN: "queued accepted sent delivered undelivered failed unconfirmed",
    State.ACCEPTED: "queued sent delivered undelivered failed unconfirmed",
    State.SENT: "queued delivered undelivered failed unconfirmed",
    State.UNCONFIRMED: "sent delivered undelivered failed",
    State.DELIVERED: "",
    State.UNDELIVERED: "",
    State.FAILED: "",
    State.EXPIRED: "",
    State.CANCELLED: "",
}


def step(message_id: int, to: State, **fields: object) -> list[int]:
    change = Change(id=message_id, to=to, **fields)  # type: ignore[arg-type]
    return list(move([change], by=Deliverer.WORKER, now=clock.now()))


@pytest.mark.django_db
@pytest.mark.parametrize("origin", State)
def test_every_pair_of_states_moves_or_is_refused_as_drawn(origin: State) -> None:
    for to in State:
        message = standing(origin)
        moved = step(message.id, to, error_code="why")
        message.refresh_from_db()
        events = list(MessageEvent.objects.filter(message=message).values_list("state", "error_code"))
        if to in ALLOWED[origin].split():
            assert (moved, message.state, events) == ([message.id], to, [(to, "why")])
            assert (message.text is None) == (to in FINAL or origin in FINAL)
            assert (message.final_at is not None) == (to in FINAL)
            assert message.error_code == "why"
        else:
            assert (moved, message.state, events, message.error_code) == ([], origin, [], "")


@pytest.mark.django_db
def test_a_batch_moves_what_it_can_and_nothing_else() -> None:
    movable, final, bystander = standing(State.SENDING), standing(State.DELIVERED), standing(State.SENDING)
    changes = [Change(id=message.id, to=State.ACCEPTED) for message in (movable, final)]
    assert move(changes, by=Deliverer.WORKER, now=clock.now()) == {movable.id: State.ACCEPTED}
    assert state_of(final.id) == State.DELIVERED
    assert state_of(bystander.id) == State.SENDING


@pytest.mark.django_db
def test_a_move_of_an_earlier_attempt_is_refused_when_another_has_begun() -> None:
    message = standing(State.SENDING, attempts=2)
    first, second = attempt_ids(message.id)
    assert step(message.id, State.FAILED, attempt=1, attempt_id=first) == []
    assert step(message.id, State.FAILED, attempt=2, attempt_id=second) == [message.id]
    assert MessageEvent.objects.get(message=message).attempt_id == second


@pytest.mark.django_db
@pytest.mark.parametrize("origin", [State.QUEUED, State.DISPATCHED, State.ACCEPTED, State.SENT])
def test_the_end_of_a_call_moves_nothing_once_the_message_has_left_the_call(origin: State) -> None:
    message = standing(origin)
    assert step(message.id, State.FAILED, only_while_open=True) == []
    assert state_of(message.id) == origin


@pytest.mark.django_db
def test_the_times_of_a_move_are_written() -> None:
    message, now = standing(State.SENDING), clock.now()
    later = now + timedelta(minutes=2)
    move([Change(id=message.id, to=State.ACCEPTED, due_at=later)], by=Deliverer.WORKER, now=now)
    message.refresh_from_db()
    assert (message.accepted_at, message.due_at, message.final_at) == (now, later, None)
    after = clock.now()
    move([Change(id=message.id, to=State.DELIVERED)], by=Deliverer.CALLBACK, now=after)
    message.refresh_from_db()
    assert (message.accepted_at, message.final_at) == (now, after)


@pytest.mark.django_db(transaction=True)
def test_of_two_racing_movers_exactly_one_wins() -> None:
    messages = [standing(State.QUEUED) for _ in range(40)]
    cancel, expire = (
        partial(move, [Change(id=m.id, to=to) for m in messages], by=Deliverer.WEB, now=clock.now())
        for to in (State.CANCELLED, State.EXPIRED)
    )
    cancelled, expired = at_once(cancel, expire)
    assert sorted([*cancelled, *expired]) == [m.id for m in messages]
    assert MessageEvent.objects.count() == len(messages)


@pytest.mark.django_db(transaction=True)
def test_batches_with_the_same_ids_in_opposite_orders_do_not_deadlock() -> None:
    ids = [standing(State.SENDING).id for _ in range(200)]
    for to in (State.UNKNOWN, State.ACCEPTED, State.SENT):
        onward = [Change(id=i, to=to) for i in ids]
        forth, back = at_once(
            partial(move, onward, by=Deliverer.WORKER, now=clock.now()),
            partial(move, onward[::-1], by=Deliverer.CALLBACK, now=clock.now()),
        )
        assert sorted([*forth, *back]) == ids
    assert MessageEvent.objects.count() == 3 * len(ids)
    assert set(Message.objects.values_list("state", flat=True)) == {State.SENT}


@pytest.mark.django_db
def test_a_failing_receiver_undoes_no_move() -> None:
    message = standing(State.SENDING)

    def receive(**_: object) -> None:
        Message.objects.update(error_code="half done")
        rows("SELECT 1 / 0")

    not_delivered.connect(receive)
    try:
        assert step(message.id, State.FAILED, error_code="21211") == [message.id]
    finally:
        not_delivered.disconnect(receive)
    message.refresh_from_db()
    assert (message.state, message.error_code) == (State.FAILED, "21211")
    assert MessageEvent.objects.filter(message=message).count() == 1
