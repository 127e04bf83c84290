"""Texts to one phone within a moment become one text."""

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction

from messaging import encryption, policy
from messaging.database import clock
from messaging.delivery.courier import Courier
from messaging.models import Message, MessageClass, Sender
from messaging.outbox import outgoing
from messaging.outbox.outgoing import Outgoing
from messaging.sandbox.control import SandboxControl
from messaging.segments import count_segments
from messaging.states import State
from tests.messaging.engine import ANA, BEN, granted_ids, queued, set_pace, sms, story
from tests.race import at_once

SAFETY, ROUTINE = MessageClass.SAFETY, MessageClass.ROUTINE


def text_of(message: Message) -> str:
    message.refresh_from_db()
    return encryption.decrypt(message.text or b"")


@pytest.mark.django_db
def test_two_for_one_phone_are_one_text_and_one_row() -> None:
    [first] = queued(sms("Ana left work.", kind=ROUTINE))
    [second] = queued(sms("Ana is home.", kind=SAFETY, rank=2))
    assert first.id == second.id
    assert text_of(first) == "Ana left work.\nAna is home."
    assert (first.message_class, first.segments) == (SAFETY, 1)
    assert story(first.id) == [State.QUEUED, State.QUEUED]


@pytest.mark.django_db
@pytest.mark.parametrize("together", [True, False])
def test_texts_of_two_causes_are_never_one_text(together: bool) -> None:
    """Found: texts of two accounts to one phone left as one SMS, so a stranger's words stood under a friend's name."""
    items = [
        Outgoing(address=ANA, text=cause, message_class=SAFETY, on_behalf_of=cause) for cause in ("one", "two", "one")
    ]
    messages = queued(*items) if together else [message for item in items for message in queued(item)]
    assert [text_of(message) for message in messages] == ["one\none", "two", "one\none"]
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_messages_queued_together_are_joined_and_returned_in_order() -> None:
    one, other, same = queued(sms("1", kind=SAFETY), sms("2", to=BEN, kind=SAFETY), sms("3", kind=SAFETY))
    assert one is same
    assert [text_of(one), text_of(other)] == ["1\n3", "2"]
    assert Message.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [MessageClass.EMERGENCY, MessageClass.VERIFICATION])
def test_urgent_messages_neither_wait_nor_join(kind: MessageClass) -> None:
    [first] = queued(sms("1", kind=kind))
    [second] = queued(sms("2", kind=kind))
    assert first.id != second.id
    assert first.due_at == first.queued_at


@pytest.mark.django_db
def test_a_text_waits_a_moment_for_others_and_no_longer() -> None:
    set_pace(0)
    [message] = queued(sms(kind=SAFETY))
    assert message.due_at == message.queued_at + policy.COALESCE
    assert granted_ids() == []
    [joined] = queued(sms(kind=SAFETY))
    assert joined.due_at == message.due_at
    Message.objects.update(due_at=clock.now())
    assert granted_ids() == [message.id]
    [next_one] = queued(sms(kind=SAFETY))
    assert next_one.id != message.id


@pytest.mark.django_db
def test_the_joined_text_lives_as_long_as_the_longer() -> None:
    now = clock.now()
    [first] = queued(sms(kind=ROUTINE))
    later = Outgoing(address=ANA, text="2", message_class=SAFETY, deadline_at=now + timedelta(days=3))
    outgoing.queue([later], now=now)
    first.refresh_from_db()
    assert first.deadline_at == later.deadline_at


@pytest.mark.django_db
def test_a_text_that_would_become_too_long_is_one_of_its_own() -> None:
    [first] = queued(sms("я" * 134, kind=SAFETY))
    [second] = queued(sms("я" * 66, kind=SAFETY))
    assert first.id == second.id
    assert count_segments(text_of(first)) == policy.COALESCED_SEGMENTS
    [third] = queued(sms("я", kind=SAFETY))
    assert third.id != first.id


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_cancelling_a_message_cancels_no_other_text(
    is_first: bool, together: bool, courier: Courier, phones: SandboxControl
) -> None:
    own, other = (
        Outgoing(address=ANA, text="TEST", message_class=SAFETY, stands_alone=True),
        sms("Ben is safe.", kind=SAFETY),
    )
    items = [own, other] if is_first else [other, own]
    messages = queued(*items) if together else [message for item in items for message in queued(item)]
    test, safe = messages if is_first else reversed(messages)
    assert (test.due_at, safe.due_at) == (test.queued_at, safe.queued_at + policy.COALESCE)
    assert outgoing.cancel([test.id], now=clock.now()) == {test.id}
    assert text_of(safe) == "Ben is safe."
    Message.objects.update(due_at=clock.now())
    courier.deliver(granted_ids())
    assert courier.drain(15)
    assert [sms["body"] for sms in phones.messages(ANA)] == ["Ben is safe."]


@pytest.mark.django_db
def test_a_text_joins_only_a_message_of_its_own_sender() -> None:
    """The row would get the more urgent class of the two, which another sender may not carry."""
    letters = Sender.objects.create(
        name="letters",
        origin="Letters",
        preference=10,
        classes=[ROUTINE],
        segments_per_second=0,
        next_free_at=clock.now(),
    )
    [letter] = queued(sms("1", kind=ROUTINE))
    [safe] = queued(sms("2", kind=SAFETY))
    letter.refresh_from_db()
    assert (letter.sender, letter.message_class, text_of(letter)) == (letters, ROUTINE, "1")
    assert safe.sender != letters
    joined = queued(sms("3", kind=ROUTINE), sms("4", kind=SAFETY))
    assert [message.id for message in joined] == [letter.id, safe.id]
    assert [text_of(letter), text_of(safe)] == ["1\n3", "2\n4"]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_rolls_back_takes_its_text_back() -> None:
    [first] = queued(sms("kept", kind=SAFETY))
    with transaction.atomic():
        outgoing.queue([sms("lost", kind=SAFETY)], now=clock.now())
        transaction.set_rollback(True)
    assert text_of(first) == "kept"


@pytest.mark.django_db(transaction=True)
def test_joining_races_with_the_grant_and_no_text_is_lost() -> None:
    set_pace(0)
    for _ in range(10):
        Message.objects.all().delete()
        queued(sms("first", kind=SAFETY))
        Message.objects.update(due_at=clock.now())
        at_once(lambda: queued(sms("second", kind=SAFETY)), granted_ids)
        texts = "\n".join(text_of(message) for message in Message.objects.order_by("id"))
        assert texts == "first\nsecond"


@pytest.mark.django_db(transaction=True)
def test_two_transactions_at_one_instant_make_one_text() -> None:
    for _ in range(10):
        Message.objects.all().delete()
        answers = at_once(*(lambda n=n: queued(sms(f"text {n}", kind=SAFETY)) for n in range(4)))
        assert len({message.id for [message] in answers}) == 1
        [message] = Message.objects.all()
        assert sorted(text_of(message).split("\n")) == ["text 0", "text 1", "text 2", "text 3"]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_does_not_end_holds_nobody_up() -> None:
    url = settings.DATABASES["default"]
    with psycopg.connect(
        host=url["HOST"],
        port=url["PORT"],
        user=url["USER"],
        password=url["PASSWORD"],
        dbname=connection.settings_dict["NAME"],
    ) as frozen:
        frozen.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [ANA])
        [message] = queued(sms(kind=SAFETY))
    assert message.state == State.QUEUED
