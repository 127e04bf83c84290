"""Queue and cancel messages inside the caller's transaction: what commits will be sent, what rolls back never was."""

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
    """One message: an address of its channel (E.164, for e-mail an e-mail address), its text, its class, its rank
    within the class (0 first) and its deadline.

    A call needs to know the language it speaks; one without a voice (ky) says a `recording` (messaging/speech.py)
    instead of the text. Of an e-mail the language chooses the subject. A text that may be cancelled
    `stands_alone`: it neither waits for others nor becomes one with them.
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
    """Write the messages to the outbox, in order, and tell the scheduler at commit.

    A message that may not be sent is written too, `failed` with its reason in `error_code` (see `_refusal`). A safety
    or routine message for a phone that another one is waiting for becomes part of that one, which is returned for
    both, unless it stands alone. Call inside a transaction.
    """
    if not outgoing:
        return []
    batch = _Batch.of(outgoing, now=now)
    messages = [batch.add(item) for item in outgoing]
    batch.write()
    notify()
    return messages


class _Batch:
    """The messages of one call, with what was known of their addresses before."""

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
        # An SOS asks nothing that only the others need to know.
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
        place = message.address, message.sender_id
        earlier = self.waiting.get(place)
        if earlier is not None and coalescing.join(earlier, text=item.text, more=message):
            self.joined.append(earlier)
            return earlier
        self.waiting[place] = message
        self.new.append(message)
        return message

    def _refusal(self, item: Outgoing, sender: Sender | None) -> str:
        """The Refusal of a message; empty when it may be sent."""
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


# Refusals that an operator has to know of.
_ALARMING = (Refusal.RECIPIENT_CEILING, Refusal.DAILY_CAP, Refusal.NO_SENDER)


def cancel(message_ids: Collection[int], *, now: datetime) -> set[int]:
    """Cancel what no process has begun to send; returns the ids that were certainly not sent and will not be.

    Of safety and routine messages only those that stand alone: with any other somebody else's text might be lost.
    """
    moved = move([Change(id=i, to=State.CANCELLED) for i in set(message_ids)], by=Deliverer.WEB, now=now)
    # What is in flight and fails is not tried again.
    Message.objects.filter(id__in=message_ids).exclude(state__in=FINAL).update(deadline_at=now)
    return {message_id for message_id, state in moved.items() if state is State.CANCELLED}


# Whoever else holds a row is sending or ending it: its rank no longer matters.
_MOVE_UP = """
WITH up AS (SELECT * FROM unnest(%(ids)s::bigint[], %(places)s::int[]) AS u (id, places)), waiting AS (
    SELECT id FROM messaging_message WHERE id IN (SELECT id FROM up) AND state = 'queued'
    FOR NO KEY UPDATE SKIP LOCKED)
UPDATE messaging_message m SET rank = greatest(m.rank - up.places, 0)
FROM up JOIN waiting USING (id) WHERE m.id = up.id
"""


def move_up(places: Mapping[int, int]) -> None:
    """Messages that still wait go so many ranks up, by id. Never waits for a lock."""
    if places:
        rows(_MOVE_UP, {"ids": list(places), "places": list(places.values())})


def _message(item: Outgoing, *, sender: Sender | None, refusal: str, now: datetime) -> Message:
    return Message(
        channel=item.channel,
        address=addresses.storable(item.address),
        text=None if refusal else encryption.seal(item.text),
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
        deadline_at=item.deadline_at or now + policy.DEADLINES[item.message_class],
        queued_at=now,
        final_at=now if refusal else None,
    )


def _is_joinable(item: Outgoing) -> bool:
    return item.channel is Channel.SMS and item.message_class in coalescing.JOINABLE and not item.stands_alone
