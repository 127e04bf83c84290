"""Queues and cancels messages inside the caller's transaction: they are sent only if it commits."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from messaging import encryption, numbers, policy, speech
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

    `rank` orders the messages of one class, 0 first. A call needs `language`; if Twilio has no voice for it (ky),
    the call plays the prompt `recording` (messaging/speech.py) instead of the text. The `language` of an e-mail chooses
    its subject. A message that may be cancelled needs `stands_alone`: its text is never joined with another.

    `on_behalf_of` names the cause of the message; messaging only compares it. Ceilings count, and texts join, only
    within one cause. A message with `despite_ceilings` counts, but only MOST_DESPITE_CEILINGS refuses it.
    `is_confirmed`: the reader agreed to messages of this cause; otherwise messages of all causes to the address count.
    With a `refusal` the message is written as failed. It gets no slot before `not_before`, and none after
    `deadline_at` (None: by DEFAULT_DEADLINES).
    """

    address: str
    text: str
    message_class: MessageClass
    channel: Channel = Channel.SMS
    language: str = ""
    recording: str = ""
    rank: int = 0
    stands_alone: bool = False
    on_behalf_of: str = ""
    despite_ceilings: bool = False
    is_confirmed: bool = True
    refusal: Refusal | None = None
    not_before: datetime | None = None
    deadline_at: datetime | None = None


def queue(outgoing: Sequence[Outgoing], *, now: datetime) -> list[Message]:
    """Write the messages to the outbox and wake the schedulers at commit. Return one Message for each item, in order.

    Call inside a transaction. A message that may not be sent is written as `failed`, with the reason in `error_code`
    (see `_Batch._refusal`). A safety or routine text may be appended to a queued message of the same cause to the same
    phone (coalescing.py). Then the same Message is returned for both.
    """
    if not outgoing:
        return []
    batch = _Batch.of(outgoing, now=now)
    messages = [batch.add(item) for item in outgoing]
    batch.write()
    notify()
    return messages


class _Batch:
    """The messages that one call of `queue` writes. `of` reads the counts, opt-outs and queued messages of their
    addresses; `add` decides on each message; `write` stores all of them.
    """

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.routes = Routes.at(now)
        self.today: limits.Today | None = None
        self.recent: Counter[limits.OfCause] = Counter()
        self.from_anybody: Counter[limits.ToAddress] = Counter()
        self.refusing: set[str] = set()
        self.waiting: dict[coalescing.JoinKey, Message] = {}
        self.new: list[Message] = []
        self.joined: list[Message] = []

    @classmethod
    def of(cls, outgoing: Sequence[Outgoing], *, now: datetime) -> "_Batch":
        batch = cls(now=now)
        caused = [(item.on_behalf_of, addresses.storable(item.address)) for item in outgoing]
        batch.recent = limits.of_causes(caused, now=now)
        if unconfirmed := [addresses.storable(item.address) for item in outgoing if not item.is_confirmed]:
            batch.from_anybody = limits.to_addresses(unconfirmed, now=now)
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
        key = coalescing.join_key(message)
        earlier = self.waiting.get(key)
        if earlier is not None and coalescing.join(earlier, text=item.text, more=message):
            self.joined.append(earlier)
            return earlier
        self.waiting[key] = message
        self.new.append(message)
        return message

    def _refusal(self, item: Outgoing, sender: Sender | None) -> str:
        """The Refusal of a message, as text; "" if it may be sent."""
        if item.refusal:
            return item.refusal
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
        return "" if self._fits(item) else Refusal.RECIPIENT_CEILING

    def _fits(self, item: Outgoing) -> bool:
        """Whether the ceilings per hour have room for the message; if so, count it.

        The messages of its cause to the address are compared, and without `is_confirmed` those of all causes too.
        """
        ceiling = policy.PER_RECIPIENT_AND_HOUR[item.message_class]
        to_address = (str(item.channel), addresses.storable(item.address), int(item.message_class))
        of_cause = (item.on_behalf_of, *to_address)
        own = self.recent[of_cause]
        if item.despite_ceilings:
            is_full = own >= policy.MOST_DESPITE_CEILINGS
        else:
            anybody = 0 if item.is_confirmed else self.from_anybody[to_address]
            is_full = max(own, anybody) >= ceiling
        if is_full:
            return False
        self.recent[of_cause] += 1
        self.from_anybody[to_address] += 1
        return True

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
    """Cancel queued and dispatched messages; return the ids of the cancelled ones, which certainly were not sent.

    A message that a process is sending now gets the deadline `now`, so it is not tried again. Pass safety and routine
    messages only if they have `stands_alone`: their row may also hold another text that was joined to it.
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
    """Lower the rank of queued messages, but not below 0; `ranks` is message id -> the number to subtract.

    Messages that are not queued, or whose row is locked, keep their rank.
    """
    if ranks:
        rows(_MOVE_UP, {"ids": list(ranks), "ranks": list(ranks.values())})


def _message(item: Outgoing, *, sender: Sender | None, refusal: str, now: datetime) -> Message:
    return Message(
        channel=item.channel,
        address=addresses.storable(item.address),
        country=numbers.calling_code(item.address) if item.channel is not Channel.EMAIL else "",
        text=None if refusal else encryption.encrypt(item.text),
        language=item.language,
        recording=item.recording,
        segments=count_segments(item.text) if item.channel == Channel.SMS else 1,
        message_class=item.message_class,
        rank=item.rank,
        stands_alone=item.stands_alone,
        on_behalf_of=item.on_behalf_of,
        sender=sender,
        state=State.FAILED if refusal else State.QUEUED,
        error_code=str(refusal),
        due_at=max(now + policy.COALESCE if _is_joinable(item) else now, item.not_before or now),
        deadline_at=item.deadline_at or now + policy.DEFAULT_DEADLINES[item.message_class],
        queued_at=now,
        final_at=now if refusal else None,
    )


def _is_joinable(item: Outgoing) -> bool:
    return item.channel is Channel.SMS and item.message_class in coalescing.JOINABLE and not item.stands_alone
