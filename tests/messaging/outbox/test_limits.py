"""Limits of one phone, one class and one sender."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from messaging import policy
from messaging.database import clock
from messaging.models import Attempt, AttemptOutcome, DailyCount, Message, MessageClass, OperatorAlarm, Sender
from messaging.outbox.outgoing import Outgoing
from messaging.outbox.refusals import Refusal
from messaging.states import State
from tests.messaging.engine import ANA, BEN, another_sender, attempt_of, granted_ids, queued, set_pace, sms, standing

pytestmark = pytest.mark.django_db
ROUTINE, SAFETY, CODE = MessageClass.ROUTINE, MessageClass.SAFETY, MessageClass.VERIFICATION


def phone(number: int) -> str:
    return f"+99670000{number:04d}"


@pytest.fixture
def caps(settings: Any) -> Iterator[dict[str, int]]:
    settings.DAILY_CAPS = {}
    return settings.DAILY_CAPS  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", MessageClass)
def test_a_phone_gets_a_limited_number_of_messages_of_a_class_in_an_hour(kind: MessageClass) -> None:
    limit = policy.PER_RECIPIENT_AND_HOUR[kind]
    for _ in range(limit):
        [message] = queued(sms(kind=kind))
        # A message that is sent already takes no further text, so each text is a message of its own.
        Message.objects.filter(id=message.id).update(state=State.SENT)
    [refused] = queued(sms(kind=kind))
    assert (refused.state, refused.error_code) == (State.FAILED, "recipient_ceiling")
    assert queued(sms(to=BEN, kind=kind))[0].state == State.QUEUED
    Message.objects.update(queued_at=clock.now() - timedelta(hours=1))
    assert queued(sms(kind=kind))[0].state == State.QUEUED


def test_grants_are_counted_by_day_sender_and_class() -> None:
    sender = set_pace(0)
    for kind, segments in [(ROUTINE, 1), (ROUTINE, 3), (SAFETY, 2)]:
        standing(State.QUEUED, kind=kind, segments=segments)
    granted_ids()
    standing(State.QUEUED, kind=SAFETY)
    granted_ids()
    counts = DailyCount.objects.order_by("message_class")
    assert [(c.sender, c.message_class, c.messages, c.segments) for c in counts] == [
        (sender, SAFETY, 2, 3),
        (sender, ROUTINE, 2, 4),
    ]


def test_a_class_beyond_its_daily_cap_is_refused_and_not_granted(caps: dict[str, int]) -> None:
    caps["routine"] = 2
    set_pace(0)
    waiting = [standing(State.QUEUED, kind=ROUTINE, to=phone(n)).id for n in range(3)]
    assert granted_ids() == waiting  # One batch may exceed the cap.
    late = standing(State.QUEUED, kind=ROUTINE)
    assert granted_ids() == []
    [refused, safety, sos] = queued(sms(kind=ROUTINE), sms(to=phone(8), kind=SAFETY), sms(to=phone(9)))
    assert (refused.state, refused.error_code) == (State.FAILED, "daily_cap")
    assert safety.state == sos.state == State.QUEUED
    assert list(OperatorAlarm.objects.order_by("id").values_list("code", "times")) == [
        ("daily_cap_reached", 1),
        ("daily_cap", 1),
    ]
    DailyCount.objects.update(day=clock.now().date() - timedelta(days=1))
    assert granted_ids() == [sos.id, late.id]


def test_a_second_grant_counts_neither_for_the_cap_nor_for_the_senders_day(caps: dict[str, int]) -> None:
    """If it counted, a provider that refuses connections for minutes would end all sign-ups until midnight."""
    caps["verification"] = 3
    set_pace(0)
    codes = [standing(State.QUEUED, kind=CODE, segments=2, to=phone(n)).id for n in range(2)]
    for _ in range(5):
        assert granted_ids() == codes
        Message.objects.update(state=State.QUEUED, attempts=F("attempts") + 1, due_at=clock.now())
    count = DailyCount.objects.get()
    assert (count.messages, count.segments) == (2, 4)
    assert not OperatorAlarm.objects.exists()
    [code] = queued(sms(to=phone(2), kind=CODE))
    assert granted_ids() == [*codes, code.id]
    count.refresh_from_db()
    assert (count.messages, count.segments) == (3, 5)
    assert OperatorAlarm.objects.get().code == "daily_cap_reached"


@pytest.mark.parametrize(("sid", "elsewhere", "segments"), [("SM1", False, 4), ("", True, 4), ("", False, 2)])
def test_segments_count_again_when_the_provider_took_them_or_another_sender_tried(
    sid: str, elsewhere: bool, segments: int, caps: dict[str, int]
) -> None:
    sender = set_pace(0)
    message = standing(State.QUEUED, kind=CODE, segments=2)
    assert granted_ids() == [message.id]
    tried = attempt_of(message, outcome=AttemptOutcome.UNDELIVERED, provider_id=sid)
    if elsewhere:
        DailyCount.objects.update(segments=2)
        Attempt.objects.filter(id=tried.id).update(sender=another_sender())
    Message.objects.update(state=State.QUEUED, attempts=1, due_at=clock.now())
    assert granted_ids() == [message.id]
    count = DailyCount.objects.get(sender=sender)
    assert (count.messages, count.segments) == (1, segments)


def test_the_last_part_of_a_senders_day_is_for_the_more_urgent(caps: dict[str, int]) -> None:
    sender = set_pace(0)
    Sender.objects.update(segments_per_day=100)
    used = DailyCount.objects.create(
        day=clock.now().date(), sender=sender, message_class=SAFETY, messages=1, segments=79
    )
    ids = {}
    for segments, kinds in [
        (80, [MessageClass.EMERGENCY, MessageClass.VERIFICATION, SAFETY]),
        (90, [MessageClass.EMERGENCY, MessageClass.VERIFICATION]),
        (95, [MessageClass.EMERGENCY]),
        (200, [MessageClass.EMERGENCY]),
    ]:
        ids = {kind: standing(State.QUEUED, kind=kind).id for kind in MessageClass}
        DailyCount.objects.exclude(id=used.id).delete()
        DailyCount.objects.filter(id=used.id).update(segments=segments)
        assert granted_ids() == [ids[kind] for kind in kinds]
        Message.objects.all().delete()


@pytest.mark.parametrize("kind", MessageClass)
def test_another_cause_uses_up_no_ceiling(kind: MessageClass) -> None:
    """Found: the ceilings counted per phone, so one account could silence another account's SOS."""
    _fill(kind, cause="one")
    assert queued(_of_cause("one", kind))[0].error_code == "recipient_ceiling"
    assert queued(_of_cause("two", kind))[0].state == State.QUEUED


def test_a_phone_that_has_not_confirmed_the_cause_has_one_ceiling_for_all() -> None:
    _fill(SAFETY, cause="one")
    [stranger, friend] = queued(_of_cause("two", SAFETY, is_confirmed=False), _of_cause("two", SAFETY))
    assert (stranger.error_code, friend.state) == ("recipient_ceiling", State.QUEUED)


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_what_no_ceiling_refuses_counts_and_has_an_end(is_confirmed: bool) -> None:
    sos = _of_cause("one", MessageClass.EMERGENCY, is_confirmed=is_confirmed, despite_ceilings=True)
    messages = queued(*[sos] * (policy.MOST_DESPITE_CEILINGS + 1))
    assert [m.error_code for m in messages] == [""] * policy.MOST_DESPITE_CEILINGS + ["recipient_ceiling"]
    assert queued(_of_cause("one", MessageClass.EMERGENCY))[0].error_code == "recipient_ceiling"


def test_the_callers_refusal_is_written_and_counts_for_nothing() -> None:
    [message] = queued(_of_cause("one", SAFETY, refusal=Refusal.NOT_CONFIRMED))
    assert (message.state, message.error_code, message.text) == (State.FAILED, "not_confirmed", None)


def test_a_message_leaves_no_earlier_than_it_may() -> None:
    set_pace(0)
    later = clock.now() + timedelta(seconds=20)
    [waits, leaves] = queued(_of_cause("one", MessageClass.EMERGENCY, not_before=later), sms(to=BEN))
    assert waits.due_at == later
    assert granted_ids() == [leaves.id]


def _of_cause(cause: str, kind: MessageClass, **fields: Any) -> Outgoing:
    return Outgoing(address=ANA, text="Help", message_class=kind, on_behalf_of=cause, stands_alone=True, **fields)


def _fill(kind: MessageClass, *, cause: str) -> None:
    assert {m.state for m in queued(*[_of_cause(cause, kind)] * policy.PER_RECIPIENT_AND_HOUR[kind])} == {State.QUEUED}
