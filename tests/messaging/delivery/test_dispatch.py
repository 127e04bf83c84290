import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from messaging import policy
from messaging.database import clock
from messaging.delivery import dispatch, pacing, sweeping
from messaging.delivery.dispatch import Hint, until_due_s
from messaging.models import Message, MessageClass, OperatorAlarm, Sender
from messaging.states import State
from tests.messaging.engine import (
    another_sender,
    grant,
    granted_ids,
    queued,
    set_pace,
    sms,
    standing,
    state_of,
    story,
)
from tests.race import at_once

SECOND = timedelta(seconds=1)
ROUTINE = MessageClass.ROUTINE


def grant_with_free_slot(sender: Sender) -> list[int]:
    Sender.objects.filter(id=sender.id).update(next_free_at=clock.now())
    return granted_ids()


@pytest.mark.django_db
def test_messages_are_granted_by_class_then_rank_then_age() -> None:
    sender = set_pace(10)
    asked = [
        (ROUTINE, 0),
        (MessageClass.EMERGENCY, 1),
        (MessageClass.SAFETY, 0),
        (MessageClass.EMERGENCY, 0),
        (MessageClass.VERIFICATION, 5),
        (MessageClass.EMERGENCY, 0),
        (ROUTINE, 0),
    ]
    ids = [standing(State.QUEUED, kind=kind, rank=rank).id for kind, rank in asked]
    order = [i for _ in asked for i in grant_with_free_slot(sender)]
    assert order == [ids[place] for place in (3, 5, 1, 4, 2, 0, 6)]


@pytest.mark.django_db
def test_only_slots_inside_the_horizon_are_granted_and_stamped() -> None:
    sender = set_pace(100)
    for _ in range(30):
        standing(State.QUEUED)
    before = clock.now()
    ids = granted_ids()
    after = clock.now()
    sender.refresh_from_db()
    messages = [Message.objects.get(id=i) for i in ids]
    each = pacing.interval(sender.segments_per_second)
    slots = [m.slot_at for m in messages if m.slot_at]
    assert 6 <= len(slots) <= 7
    assert slots == [slots[0] + each * place for place in range(len(slots))]
    assert before <= slots[0] <= after
    assert slots[-1] < after + policy.HORIZON
    assert sender.next_free_at == slots[-1] + each
    assert {m.state for m in messages} == {State.DISPATCHED}
    assert [m.due_at for m in messages] == [slot + policy.RESCUE_AFTER for slot in slots]
    assert story(ids[0]) == [State.DISPATCHED]
    assert Message.objects.filter(state=State.QUEUED).count() == 30 - len(ids)


@pytest.mark.django_db
def test_a_second_grant_has_no_slots_left_and_says_that_messages_wait() -> None:
    set_pace(1)
    standing(State.QUEUED)
    waiting = standing(State.QUEUED)
    assert len(granted_ids()) == 1
    assert grant() == ([], True)
    assert state_of(waiting.id) == State.QUEUED


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "are_waiting"), [(2, False), (3, True)])
def test_a_grant_reports_that_texts_beyond_the_horizon_wait(count: int, are_waiting: bool) -> None:
    """Without the report the scheduler would come back only at its next poll and waste half the pace."""
    set_pace(100)
    for _ in range(count):
        standing(State.QUEUED, segments=3)
    hints, waiting = grant()
    assert sum(len(hint.message_ids) for hint in hints) == 2
    assert waiting is are_waiting


@pytest.mark.django_db
def test_a_text_of_several_segments_uses_up_the_room_of_several() -> None:
    sender = set_pace(100)
    long, short = standing(State.QUEUED, segments=30), standing(State.QUEUED)
    assert granted_ids() == [long.id]
    sender.refresh_from_db()
    message = Message.objects.get(id=long.id)
    assert message.slot_at is not None
    assert sender.next_free_at == message.slot_at + 30 * pacing.interval(sender.segments_per_second)
    assert state_of(short.id) == State.QUEUED


@pytest.mark.django_db
def test_a_text_longer_than_the_horizon_still_gets_its_turn() -> None:
    set_pace(1)
    long = standing(State.QUEUED, segments=10)
    assert granted_ids() == [long.id]


@pytest.mark.django_db
@pytest.mark.parametrize("times", [{"due_in": SECOND}, {"deadline_in": timedelta(0)}, {"deadline_in": -SECOND}])
def test_a_retry_not_due_and_a_message_expired_are_not_granted(times: dict[str, Any]) -> None:
    sender = set_pace(10)
    standing(State.QUEUED, **times)
    assert granted_ids() == []
    sender_after = Sender.objects.get(id=sender.id)
    assert sender_after.next_free_at == sender.next_free_at


@pytest.mark.django_db
def test_an_unpaced_sender_leaves_no_more_than_its_limit_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "WAITING_FOR_WORKERS", 3)
    set_pace(0)
    for _ in range(2):
        standing(State.DISPATCHED, kind=ROUTINE)
    routine = [standing(State.QUEUED, kind=ROUTINE).id for _ in range(3)]
    assert granted_ids() == routine
    late = standing(State.QUEUED, kind=ROUTINE)
    assert grant() == ([], True)
    assert state_of(late.id) == State.QUEUED


@pytest.mark.django_db
def test_an_emergency_never_waits_for_routine_messages_that_wait_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "WAITING_FOR_WORKERS", 3)
    set_pace(0)
    for _ in range(5):
        standing(State.DISPATCHED, kind=ROUTINE)
    standing(State.QUEUED, kind=ROUTINE)
    urgent = [standing(State.QUEUED, kind=kind).id for kind in (MessageClass.EMERGENCY, MessageClass.VERIFICATION)]
    assert granted_ids() == urgent


@pytest.mark.django_db
def test_hints_are_split_by_queue_and_size() -> None:
    sender = set_pace(0)
    routine = [standing(State.QUEUED, kind=ROUTINE).id for _ in range(policy.HINT_SIZE + 1)]
    urgent = [standing(State.QUEUED).id, standing(State.QUEUED, kind=MessageClass.VERIFICATION).id]
    hints, waiting = grant()
    assert hints == [
        Hint(dispatch.URGENT_QUEUE, urgent, sender.id),
        Hint(dispatch.ROUTINE_QUEUE, routine[: policy.HINT_SIZE], sender.id),
        Hint(dispatch.ROUTINE_QUEUE, routine[policy.HINT_SIZE :], sender.id),
    ]
    assert not waiting


@pytest.mark.django_db
def test_routine_hints_have_longer_before_they_count_as_lost() -> None:
    set_pace(0)
    message = standing(State.QUEUED, kind=ROUTINE)
    grant()
    message.refresh_from_db()
    assert message.slot_at is not None
    assert message.due_at == message.slot_at + policy.RESCUE_ROUTINE_AFTER


@pytest.mark.django_db
def test_all_senders_grant_the_one_with_the_most_urgent_message_first() -> None:
    calm = set_pace(0)
    busy = another_sender()
    routine, urgent = standing(State.QUEUED, kind=ROUTINE), standing(State.QUEUED, sender=busy)
    hints, _ = grant()
    assert [hint.message_ids for hint in hints] == [[urgent.id], [routine.id]]
    assert calm.id < busy.id


@pytest.mark.django_db
def test_a_hint_leaves_before_the_next_senders_turn() -> None:
    set_pace(0)
    standing(State.QUEUED, kind=ROUTINE)
    standing(State.QUEUED, sender=another_sender())
    still_queued: list[int] = []
    dispatch.grant_all(lambda _: still_queued.append(Message.objects.filter(state=State.QUEUED).count()))
    assert still_queued == [1, 0]


@pytest.mark.django_db
def test_an_inactive_sender_is_granted_nothing() -> None:
    taken_out, other = set_pace(0), another_sender()
    stays, leaves = standing(State.QUEUED), standing(State.QUEUED, sender=other)
    Sender.objects.filter(id=taken_out.id).update(is_active=False)
    hints, are_waiting = grant()
    assert ([hint.message_ids for hint in hints], are_waiting) == ([[leaves.id]], False)
    Message.objects.filter(id=stays.id).update(deadline_at=clock.now())
    sweeping.sweep()
    assert state_of(stays.id) == State.EXPIRED
    assert OperatorAlarm.objects.get().code == "messages_expired"


@pytest.fixture
def held_sender(transactional_db: None) -> Iterator[Sender]:
    """The default sender, whose row another connection holds locked as a slow grant would."""
    sender = set_pace(100)
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Sender.objects.select_for_update(no_key=True).get(id=sender.id)
            locked.set()
            release.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    yield sender
    release.set()
    holder.join(timeout=10)


def test_a_locked_sender_is_skipped_and_the_others_are_granted(held_sender: Sender) -> None:
    message = standing(State.QUEUED)
    another = standing(State.QUEUED, kind=ROUTINE, sender=another_sender())
    assert granted_ids() == [another.id]
    assert state_of(message.id) == State.QUEUED


def test_a_message_locked_for_a_moment_is_granted_soon_after(held_sender: Sender) -> None:
    standing(State.QUEUED)
    assert granted_ids() == []
    assert until_due_s(0.5) <= 0.05


@pytest.mark.django_db
def test_the_scheduler_waits_for_the_next_due_time() -> None:
    assert until_due_s(0.5) == 0.5
    standing(State.QUEUED, due_in=timedelta(seconds=5))
    assert until_due_s(0.5) == 0.5
    standing(State.QUEUED, due_in=timedelta(milliseconds=300))
    assert 0.2 < until_due_s(0.5) <= 0.3


def test_messages_can_be_queued_while_a_grant_holds_the_sender(held_sender: Sender) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '500ms'")
        [message] = queued(sms())
    assert state_of(message.id) == State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_never_grant_the_same_message_or_slot() -> None:
    sender = set_pace(100)
    for _ in range(60):
        standing(State.QUEUED)
    for _ in range(5):
        at_once(grant, grant)
        Sender.objects.filter(id=sender.id).update(next_free_at=clock.now() + policy.HORIZON / 2)
    slots = list(Message.objects.exclude(slot_at=None).order_by("id").values_list("slot_at", flat=True))
    assert len(slots) == len(set(slots))
    assert all(len(story(m.id)) == 1 for m in Message.objects.filter(state=State.DISPATCHED))
