"""Messages in any state, the passes of the engine over them, and their records afterwards."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from django.db import transaction

from messaging import encryption
from messaging.database import clock
from messaging.delivery.courier import Courier
from messaging.delivery.dispatch import Hint, grant_all
from messaging.models import Attempt, AttemptOutcome, Channel, Deliverer, Message, MessageClass, MessageEvent, Sender
from messaging.outbox import outgoing
from messaging.outbox.outgoing import Outgoing
from messaging.outbox.senders import DEFAULT, EMAIL, VOICE
from messaging.reports import delivery_reports, settling, watching
from messaging.states import FINAL, State

ANA = "+996700000001"
BEN = "+996700000002"
NAMES = {Channel.SMS: DEFAULT, Channel.VOICE: VOICE, Channel.EMAIL: EMAIL}
LONG_AGO = timedelta(minutes=1)


def sms(text: str = "Help", *, to: str = ANA, kind: MessageClass = MessageClass.EMERGENCY, rank: int = 0) -> Outgoing:
    return Outgoing(address=to, text=text, message_class=kind, rank=rank)


@transaction.atomic
def queued(*items: Outgoing) -> list[Message]:
    return outgoing.queue(items or [sms()], now=clock.now())


def standing(
    state: State,
    *,
    text: str = "Help",
    to: str = ANA,
    sender: Sender | None = None,
    kind: MessageClass = MessageClass.EMERGENCY,
    channel: Channel = Channel.SMS,
    language: str = "",
    recording: str = "",
    rank: int = 0,
    segments: int = 1,
    attempts: int = 0,
    due_in: timedelta = timedelta(0),
    deadline_in: timedelta = timedelta(hours=1),
    slot_in: timedelta | None = None,
) -> Message:
    """Create a message in this state, with one attempt row for each attempt that it counts."""
    now = clock.now()
    message = Message.objects.create(
        channel=channel,
        language=language,
        recording=recording,
        address=to,
        text=None if state in FINAL else encryption.encrypt(text),
        segments=segments,
        message_class=kind,
        rank=rank,
        sender=sender or Sender.objects.get(name=NAMES[channel]),
        state=state,
        attempts=attempts,
        due_at=now + due_in,
        slot_at=None if slot_in is None else now + slot_in,
        deadline_at=now + deadline_in,
        queued_at=now,
    )
    for number in range(1, attempts + 1):
        attempt_of(message, number=number)
    return message


def attempt_of(
    message: Message,
    *,
    number: int = 1,
    outcome: AttemptOutcome = AttemptOutcome.SENDING,
    started_ago: timedelta = timedelta(0),
    provider_id: str = "",
) -> Attempt:
    started = clock.now() - started_ago
    return Attempt.objects.create(
        message=message,
        sender=Sender.objects.get(name=DEFAULT),
        number=number,
        by=Deliverer.WORKER,
        outcome=outcome,
        provider_id=provider_id,
        started_at=started,
        deadline_at=started + timedelta(seconds=13),
    )


def dispatched(count: int = 1, *, to: str = ANA, **fields: Any) -> list[int]:
    """Create messages whose slot is now; returns their ids."""
    fields = {"slot_in": timedelta(0), "due_in": timedelta(seconds=1)} | fields
    return [standing(State.DISPATCHED, to=to, **fields).id for _ in range(count)]


def grant() -> tuple[list[Hint], bool]:
    """Run one pass of the scheduler; returns the hints it publishes, and whether messages still wait."""
    hints: list[Hint] = []
    are_waiting = grant_all(hints.append)
    return hints, are_waiting


def granted_ids() -> list[int]:
    hints, _ = grant()
    return [message_id for hint in hints for message_id in hint.message_ids]


def attempts(message_id: int) -> list[Attempt]:
    return list(Attempt.objects.filter(message_id=message_id).order_by("number"))


def attempt_ids(message_id: int) -> list[UUID]:
    return [attempt.id for attempt in attempts(message_id)]


def state_of(message_id: int) -> str:
    return Message.objects.values_list("state", flat=True).get(id=message_id)


def story(message_id: int) -> list[str]:
    """The states of the events of a message, in order."""
    return list(MessageEvent.objects.filter(message_id=message_id).order_by("id").values_list("state", flat=True))


def shift(message_id: int, by: timedelta) -> None:
    """Let time pass for a message: move its times back, and those of its attempts and events."""
    message = Message.objects.get(id=message_id)
    slot_at = message.slot_at - by if message.slot_at else None
    Message.objects.filter(id=message_id).update(due_at=message.due_at - by, slot_at=slot_at)
    for attempt in attempts(message_id):
        Attempt.objects.filter(id=attempt.id).update(
            started_at=attempt.started_at - by, deadline_at=attempt.deadline_at - by
        )
    for event in MessageEvent.objects.filter(message_id=message_id):
        MessageEvent.objects.filter(id=event.id).update(at=event.at - by)


def set_pace(segments_per_second: float) -> Sender:
    """Give the default sender this pace and a free slot now."""
    Sender.objects.filter(name=DEFAULT).update(segments_per_second=segments_per_second, next_free_at=clock.now())
    return Sender.objects.get(name=DEFAULT)


def another_sender(*, segments_per_second: float = 0) -> Sender:
    return Sender.objects.create(
        name="another", origin="+15005550009", segments_per_second=segments_per_second, next_free_at=clock.now()
    )


def all_of(results: Sequence[Any]) -> list[Any]:
    """Join the lists that callers returned. Fails if a caller raised."""
    return [item for result in results for item in result]


def settle(courier: Courier) -> int:
    """Run a settling pass for every sender, as the scheduler does; returns how many messages were settled."""
    return sum(settling.settle(courier, sender_id) for sender_id in settling.senders_in_doubt())


def watch(courier: Courier) -> int:
    """Run a watching pass for every sender; returns how many messages moved."""
    return sum(watching.watch(courier, sender_id) for sender_id in watching.senders_to_watch())


class Interrupted:
    """A courier that runs `news` after each look-up and before its answers are used."""

    def __init__(self, courier: Courier, news: Callable[[], object]) -> None:
        self.provider = courier.provider
        self._courier, self._news = courier, news

    def run(self, coroutine: Any) -> Any:
        answers = self._courier.run(coroutine)
        self._news()
        return answers


def interrupted(courier: Courier, news: Callable[[], object]) -> Courier:
    return cast(Courier, Interrupted(courier, news))


def fail_at(attempt_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the report about this attempt fail. Reports about other attempts succeed."""
    apply_report = delivery_reports.apply_report

    def fail(told: UUID, *arguments: Any, **more: Any) -> bool:
        if told == attempt_id:
            raise ValueError
        return apply_report(told, *arguments, **more)

    monkeypatch.setattr(delivery_reports, "apply_report", fail)
