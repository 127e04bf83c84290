"""Queues and cancels messages inside the caller's transaction: they are sent only if it commits."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from messaging import encryption, policy, speech
from messaging.database.notices import notify
from messaging.database.sql import rows
from messaging.models import Channel, Deliverer, Message, MessageClass, MessageEvent, Sender
from messaging.moves import Change, move
from messaging.operations.alarms import alarm
from messaging.outbox import addresses, coalescing, inserting, limits, optouts
from messaging.outbox.refusals import Refusal
from messaging.outbox.routing import Routes
from messaging.segments import count_segments
from messaging.states import FINAL, State


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One message to be queued. `address` is a phone number in E.164 form or, for e-mail, an e-mail address.

    `rank` orders the messages of one class, 0 first. A call needs `language`; where Twilio has no voice for it (ky),
    the call plays the prompt `recording` (messaging/speech.py) instead of the text. The `language` of an e-mail chooses
    its subject. A message that may be cancelled `stands_alone`: its text is never joined with another.
    """

    address: str
    text: str
    message_class: MessageClass
    channel: Channel = Channel.SMS
    language: str = ""
    recording: str = ""
    rank: int = 0
    stands_alone: bool = False
    deadline_at: datetime | None = None


def queue(outgoing: Sequence[Outgoing], *, now: datetime) -> list[Message]:
    """Write the messages to the outbox, in order, and wake the schedulers at commit. Call inside a transaction.

    A message that may not be sent is written as `failed`, with the reason in `error_code` (see `_refusal`). The text of
    a safety or routine message is appended to a message that waits for the same phone, unless it stands alone. Then
    the same Message is returned for both.
    """
    if not outgoing:
        return []
    batch = _Batch.of(outgoing, now=now)
    messages = [batch.add(item) for item in outgoing]
    batch.write()
    notify()
    return messages


class _Batch:
    """The messages that one `queue` writes, with the limits and opt-outs of their addresses, read before."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.routes = Routes.at(now)
        self.today: limits.Today | None = None
        self.recent: Counter[tuple[str, str, int]] = Counter()
        self.refusing: set[str] = set()
        self.waiting: dict[tuple[str, int | None], Message] = {}
        self.new: list[Message] = []
        self.joined: list[Message] = []

    @classmethod
    def of(cls, outgoing: Sequence[Outgoing], *, now: datetime) -> "_Batch":
        batch = cls(now=now)
        batch.recent = limits.to_recipients((addresses.storable(item.address) for item in outgoing), now=now)
        # An SOS skips the queries that only other classes need.
        if any(item.message_class != MessageClass.EMERGENCY for item in outgoing):
            batch.today = limits.Today.read()
        if refusable := [item.address for item in outgoing if item.message_class in optouts.RESPECTED_BY]:
            batch.refusing = optouts.refusing(refusable)
        if joinable := [item.address for item in outgoing if _is_joinable(item)]:
            batch.waiting = coalescing.waiting(joinable)
        return batch

    def add(self, item: Outgoing) -> Message:
        sender = self.routes.choose(channel=item.channel, address=item.address, message_class=item.message_class)
        message = _message(item, sender=sender, refusal=self._refusal(item, sender), now=self.now)
        if message.error_code or not _is_joinable(item):
            self.new.append(message)
            return message
        phone_and_sender = message.address, message.sender_id
        earlier = self.waiting.get(phone_and_sender)
        if earlier is not None and coalescing.join(earlier, text=item.text, more=message):
            self.joined.append(earlier)
            return earlier
        self.waiting[phone_and_sender] = message
        self.new.append(message)
        return message

    def _refusal(self, item: Outgoing, sender: Sender | None) -> str:
        """The Refusal of a message; "" if it may be sent."""
        if refusal := addresses.refusal(item.channel, item.address):
            return refusal
        if sender is None:
            return Refusal.NO_SENDER
        is_call = item.channel is Channel.VOICE
        if is_call and not speech.can_say(item.text, language=item.language, recording=item.recording):
            return Refusal.CANNOT_BE_SAID
        if item.address in self.refusing and item.message_class in optouts.RESPECTED_BY:
            return Refusal.OPTED_OUT
        if self.today is not None and not self.today.has_room(item.message_class):
            return Refusal.DAILY_CAP
        to_one = (item.channel, item.address, item.message_class)
        if self.recent[to_one] >= policy.PER_RECIPIENT_AND_HOUR[item.message_class]:
            return Refusal.RECIPIENT_CEILING
        self.recent[to_one] += 1
        return ""

    def write(self) -> None:
        if earlier := {m.pk: m for m in self.joined if m.pk is not None}:
            Message.objects.bulk_update(earlier.values(), coalescing.JOINED_FIELDS)
        inserting.insert(self.new, by=Deliverer.WEB, now=self.now)
        if self.joined:
            MessageEvent.objects.bulk_create(
                MessageEvent(message=m, state=m.state, by=Deliverer.WEB, error_code="joined", at=self.now)
                for m in self.joined
            )
        for code in _ALARMING:
            if refused := [message.id for message in self.new if message.error_code == code]:
                alarm(str(code), now=self.now, times=len(refused), message_id=refused[-1])


# Refusals that raise an operator alarm.
_ALARMING = (Refusal.RECIPIENT_CEILING, Refusal.DAILY_CAP, Refusal.NO_SENDER)


def cancel(message_ids: Collection[int], *, now: datetime) -> set[int]:
    """Cancel messages that no process has begun to send; returns the ids that were not sent and never will be.

    Pass safety and routine messages only if they stand alone: another row may hold another person's text too.
    """
    moved = move([Change(id=i, to=State.CANCELLED) for i in set(message_ids)], by=Deliverer.WEB, now=now)
    # A message in flight that fails is past its deadline, so it is not tried again.
    Message.objects.filter(id__in=message_ids).exclude(state__in=FINAL).update(deadline_at=now)
    return {message_id for message_id, state in moved.items() if state is State.CANCELLED}


# Locked rows are skipped: the process that holds one is sending or ending the message, so its rank no longer matters.
_MOVE_UP = """
WITH up AS (SELECT * FROM unnest(%(ids)s::bigint[], %(ranks)s::int[]) AS u (id, ranks)), waiting AS (
    SELECT id FROM messaging_message WHERE id IN (SELECT id FROM up) AND state = 'queued'
    FOR NO KEY UPDATE SKIP LOCKED)
UPDATE messaging_message m SET rank = greatest(m.rank - up.ranks, 0)
FROM up JOIN waiting USING (id) WHERE m.id = up.id
"""


def move_up(ranks: Mapping[int, int]) -> None:
    """Move queued messages forward in their class; `ranks` is message id -> ranks to gain. Never waits for a lock."""
    if ranks:
        rows(_MOVE_UP, {"ids": list(ranks), "ranks": list(ranks.values())})


def _message(item: Outgoing, *, sender: Sender | None, refusal: str, now: datetime) -> Message:
    return Message(
        channel=item.channel,
        address=addresses.storable(item.address),
        text=None if refusal else encryption.encrypt(item.text),
        language=item.language,
        recording=item.recording,
        segments=count_segments(item.text) if item.channel == Channel.SMS else 1,
        message_class=item.message_class,
        rank=item.rank,
        stands_alone=item.stands_alone,
        sender=sender,
        state=State.FAILED if refusal else State.QUEUED,
        error_code=str(refusal),
        due_at=now + policy.COALESCE if _is_joinable(item) else now,
        deadline_at=item.deadline_at or now + policy.DEFAULT_DEADLINES[item.message_class],
        queued_at=now,
        final_at=now if refusal else None,
    )


def _is_joinable(item: Outgoing) -> bool:
    return item.channel is Channel.SMS and item.message_class in coalescing.JOINABLE and not item.stands_alone
