"""Coalescing: what is told to one phone within a moment is one text, and one row.

A message that waits for its moment takes on the text of the next: whoever queued that one watches the same row, so
nobody has to be told that two became one.
"""

from collections.abc import Iterable

from messaging import policy, sealing
from messaging.models import Channel, Message, MessageClass
from messaging.segments import count_segments
from messaging.states import State

JOINABLE = (MessageClass.SAFETY, MessageClass.ROUTINE)


def waiting(addresses: Iterable[str]) -> dict[str, Message]:
    """For each address the message that can take on another text, locked; one that is being granted is left alone."""
    found = (
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(address__in=set(addresses), channel=Channel.SMS, state=State.QUEUED, attempts=0)
        .filter(message_class__in=JOINABLE)
        .order_by("id")
    )
    return {message.address: message for message in found}


def join(message: Message, *, text: str, more: Message) -> bool:
    """Take the text of `more` into a waiting message, which becomes as urgent as the more urgent of the two and lives
    as long as the longer; False if the text would become too long, or cannot be read."""
    try:
        joined = f"{sealing.unseal(message.text or b'')}\n{text}"
    except sealing.Unreadable:
        return False
    if count_segments(joined) > policy.COALESCED_SEGMENTS:
        return False
    message.text, message.segments = sealing.seal(joined), count_segments(joined)
    message.message_class = min(message.message_class, more.message_class)
    message.rank = min(message.rank, more.rank)
    message.deadline_at = max(message.deadline_at, more.deadline_at)
    return True


JOINED_FIELDS = ("text", "segments", "message_class", "rank", "deadline_at")
