"""Queue and cancel messages inside the caller's transaction: what commits will be sent, what rolls back never was."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from messaging import addresses, policy, sealing, speech
from messaging.alarms import alarm
from messaging.models import Channel, Deliverer, Message, MessageClass, MessageEvent, Sender
from messaging.moves import Change, move
from messaging.notices import notify
from messaging.segments import count_segments
from messaging.states import FINAL, State


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One message: an address of its channel (E.164, for e-mail an e-mail address), its text, its class, its rank
    within the class (0 first) and its deadline.

    A call needs to know the language it speaks; one without a voice (ky) says a `recording` (messaging/speech.py)
    instead of the text. Of an e-mail the language chooses the subject.
    """

    address: str
    text: str
    message_class: MessageClass
    channel: Channel = Channel.SMS
    language: str = ""
    recording: str = ""
    rank: int = 0
    deadline_at: datetime | None = None


def queue(outgoing: Sequence[Outgoing], *, now: datetime) -> list[Message]:
    """Write the messages to the outbox, in order, and tell the scheduler at commit.

    A message that may not be sent is written too, `failed` with its reason in `error_code`: `country_not_allowed`,
    `address_not_valid`, `no_sender` on its channel, `cannot_be_said` by a call, or `recipient_ceiling` when the address
    got its emergency messages of this hour. Call inside a transaction.
    """
    if not outgoing:
        return []
    senders = {sender.channel: sender for sender in Sender.objects.order_by("-id")}
    recent = _recent_emergencies(outgoing, now=now)
    messages = []
    for item in outgoing:
        sender = senders.get(item.channel)
        messages.append(_message(item, sender=sender, refusal=_refusal(item, sender, recent), now=now))
    Message.objects.bulk_create(messages)
    MessageEvent.objects.bulk_create(
        MessageEvent(message=m, state=m.state, by=Deliverer.WEB, error_code=m.error_code, at=now) for m in messages
    )
    for message in messages:
        if message.error_code == "recipient_ceiling":
            alarm("recipient_ceiling", now=now, message_id=message.id)
    notify()
    return messages


def cancel(message_ids: Collection[int], *, now: datetime) -> set[int]:
    """Cancel what no process has begun to send; returns the ids that were certainly not sent and will not be."""
    moved = move([Change(id=i, to=State.CANCELLED) for i in set(message_ids)], by=Deliverer.WEB, now=now)
    # What is in flight and fails is not tried again.
    Message.objects.filter(id__in=message_ids).exclude(state__in=FINAL).update(deadline_at=now)
    return {message_id for message_id, state in moved.items() if state is State.CANCELLED}


def _message(item: Outgoing, *, sender: Sender | None, refusal: str, now: datetime) -> Message:
    return Message(
        channel=item.channel,
        address=addresses.storable(item.address),
        text=None if refusal else sealing.seal(item.text),
        language=item.language,
        recording=item.recording,
        segments=count_segments(item.text) if item.channel == Channel.SMS else 1,
        message_class=item.message_class,
        rank=item.rank,
        sender=sender,
        state=State.FAILED if refusal else State.QUEUED,
        error_code=refusal,
        due_at=now,
        deadline_at=item.deadline_at or now + policy.DEADLINES[item.message_class],
        queued_at=now,
        final_at=now if refusal else None,
    )


def _refusal(item: Outgoing, sender: Sender | None, recent: Counter[tuple[str, str]]) -> str:
    if refusal := addresses.refusal(item.channel, item.address):
        return refusal
    if sender is None:
        return "no_sender"
    is_call = item.channel == Channel.VOICE
    if is_call and not speech.can_say(item.text, language=item.language, recording=item.recording):
        return "cannot_be_said"
    if item.message_class == MessageClass.EMERGENCY:
        recipient = (item.channel, item.address)
        if recent[recipient] >= policy.EMERGENCIES_PER_RECIPIENT_PER_HOUR:
            return "recipient_ceiling"
        recent[recipient] += 1
    return ""


def _recent_emergencies(outgoing: Iterable[Outgoing], *, now: datetime) -> Counter[tuple[str, str]]:
    """By channel and address: calls that follow SMS nobody answered are not too many of them."""
    recipients = {addresses.storable(item.address) for item in outgoing if item.message_class == MessageClass.EMERGENCY}
    if not recipients:
        return Counter()
    sent = (
        Message.objects.filter(
            address__in=recipients,
            message_class=MessageClass.EMERGENCY,
            queued_at__gt=now - timedelta(hours=1),
        )
        .exclude(state=State.FAILED, attempts=0)  # Refused here.
        .exclude(state=State.CANCELLED)
        .values_list("channel", "address")
        .annotate(Count("id"))
        .order_by()
    )
    return Counter({(channel, address): count for channel, address, count in sent})
