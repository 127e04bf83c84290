from datetime import timedelta
from functools import partial

import pytest

from messaging import policy
from messaging.database import clock
from messaging.delivery import pacing
from messaging.delivery.claims import Claim, claim
from messaging.encryption import decrypt
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message, Sender
from messaging.states import State
from tests.messaging.engine import ANA, all_of, attempts, dispatched, set_pace, standing, state_of, story
from tests.race import at_once

SECOND = timedelta(seconds=1)


def claimed(ids: list[int]) -> list[Claim]:
    return claim(ids, by=Deliverer.WORKER)


@pytest.mark.django_db(transaction=True)
def test_two_claimers_share_the_messages_without_overlap() -> None:
    set_pace(0)
    ids = dispatched(100)
    mine, yours = at_once(partial(claimed, ids), partial(claimed, ids[::-1]))
    taken = [c.message_id for c in all_of([mine, yours])]
    # A row that one claimer holds is skipped by the other and stays in the batch of the first.
    assert sorted(taken) == ids
    assert Attempt.objects.count() == len(ids)
    assert all(story(i) == [State.SENDING] for i in ids)


@pytest.mark.django_db
def test_a_claim_returns_the_request_and_records_an_attempt_with_a_lease() -> None:
    sender = set_pace(10)
    [message_id] = dispatched(slot_in=timedelta(milliseconds=80), text="Help me")
    before = clock.now()
    [mine] = claimed([message_id])
    message = Message.objects.get(id=message_id)
    [attempt] = attempts(message_id)
    assert message.slot_at is not None
    assert message.slot_at > before - SECOND
    assert (mine.address, decrypt(mine.text), mine.segments) == (ANA, "Help me", 1)
    assert (mine.attempt, mine.attempt_id, mine.slot_at) == (1, attempt.id, message.slot_at)
    assert (mine.sender_id, mine.origin) == (sender.id, "+15005550006")
    assert mine.each == pacing.interval(sender.segments_per_second)
    assert (message.state, message.attempts) == (State.SENDING, 1)
    assert message.due_at == message.slot_at + policy.LEASE
    assert (attempt.number, attempt.outcome, attempt.by) == (1, AttemptOutcome.SENDING, Deliverer.WORKER)
    assert attempt.deadline_at == message.slot_at + policy.ATTEMPT_TIMEOUT


@pytest.mark.django_db
def test_a_claim_after_its_slot_has_a_lease_from_the_claim() -> None:
    set_pace(0)
    [message_id] = dispatched(slot_in=-30 * SECOND)
    before = clock.now()
    claimed([message_id])
    assert Message.objects.get(id=message_id).due_at >= before + policy.LEASE
    assert attempts(message_id)[0].deadline_at >= before + policy.ATTEMPT_TIMEOUT


@pytest.mark.django_db
@pytest.mark.parametrize("state", [state for state in State if state != State.DISPATCHED])
def test_a_stale_hint_claims_nothing(state: State) -> None:
    message = standing(state, slot_in=timedelta(0))
    assert claimed([message.id, 987_654]) == []
    assert state_of(message.id) == state
    assert attempts(message.id) == []


@pytest.mark.django_db
def test_an_expired_message_is_not_claimed() -> None:
    [message_id] = dispatched(deadline_in=timedelta(0))
    assert claimed([message_id]) == []
    assert state_of(message_id) == State.DISPATCHED


@pytest.mark.django_db
def test_missed_slots_are_reserved_anew_one_after_another() -> None:
    sender = set_pace(10)
    late, on_time = dispatched(3, slot_in=-SECOND), dispatched()
    before = clock.now()
    claims = {c.message_id: c for c in claimed([*late, *on_time])}
    sender.refresh_from_db()
    each = pacing.interval(sender.segments_per_second)
    slots = sorted(claims[i].slot_at for i in late)
    assert slots[0] >= before
    assert slots == [slots[0] + each * place for place in range(3)]
    assert sender.next_free_at == slots[-1] + each
    assert claims[on_time[0]].slot_at < before
    for message_id in late:
        message, [attempt] = Message.objects.get(id=message_id), attempts(message_id)
        slot = claims[message_id].slot_at
        assert message.slot_at == slot
        assert message.due_at == slot + policy.LEASE
        assert attempt.deadline_at == slot + policy.ATTEMPT_TIMEOUT


@pytest.mark.django_db
def test_slots_of_an_unpaced_sender_are_never_missed() -> None:
    sender = set_pace(0)
    [mine] = claimed(dispatched(slot_in=-SECOND))
    assert mine.slot_at < clock.now() - SECOND / 2
    assert Sender.objects.get(id=sender.id).next_free_at == sender.next_free_at


@pytest.mark.django_db(transaction=True)
def test_two_late_claimers_get_different_slots() -> None:
    set_pace(100)
    ours, theirs = dispatched(20, slot_in=-SECOND), dispatched(20, slot_in=-SECOND)
    claims = all_of(at_once(partial(claimed, ours), partial(claimed, theirs)))
    assert len({c.slot_at for c in claims}) == 40
