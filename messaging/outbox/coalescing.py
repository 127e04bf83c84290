"""Coalescing: safety and routine texts of one cause to one phone within 1.5 s (COALESCE) become one SMS and one row.

The second text is appended to the message that is still queued. The code that queued the second text gets that message,
so it need not know of the join. Texts of two causes never join: the reader would take one person's text for another's.
A message that may be cancelled has `stands_alone` and never joins: the other text would be cancelled with it.
"""

import time
from collections.abc import Iterable

from messaging import encryption, policy
from messaging.database.sql import rows
from messaging.models import Channel, Message, MessageClass
from messaging.segments import count_segments
from messaging.states import State

JOINABLE = (MessageClass.SAFETY, MessageClass.ROUTINE)
_LOOK_EVERY_S = 0.01

# The locks are held until the end of the transaction.
_TURN = """
SELECT bool_and(pg_try_advisory_xact_lock(hashtextextended(address, 0)))
FROM unnest(%s::text[]) AS address
"""


# (cause, address, sender id). Only texts with the same key join.
JoinKey = tuple[str, str, int | None]


def join_key(message: Message) -> JoinKey:
    return message.on_behalf_of, message.address, message.sender_id


def waiting(addresses: Iterable[str]) -> dict[JoinKey, Message]:
    """Lock and return, by join key, the queued message to one of `addresses` to which a text can be appended.

    A message that is being granted is left out. A text joins only a message of its own sender, because another sender
    may not carry its class. If two transactions write to one phone at the same time, the later one waits here until
    the first has committed, and then finds its message. After COALESCE_PATIENCE_S it goes on without it.
    """
    addresses = set(addresses)
    _take_turns(addresses)
    found = (
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(address__in=addresses, channel=Channel.SMS, state=State.QUEUED, attempts=0)
        .filter(message_class__in=JOINABLE, stands_alone=False)
        .order_by("id")
    )
    return {join_key(message): message for message in found}


def _take_turns(addresses: set[str]) -> None:
    """Wait, at most COALESCE_PATIENCE_S, until no other transaction writes to these phones. After that time two SMS are
    sent instead of one.
    """
    give_up_at = time.monotonic() + policy.COALESCE_PATIENCE_S
    while rows(_TURN, [sorted(addresses)]) == [(False,)] and time.monotonic() < give_up_at:
        time.sleep(_LOOK_EVERY_S)


def join(message: Message, *, text: str, more: Message) -> bool:
    """Append `text` to the text of `message`; set the more urgent class and rank and the later deadline of the two.

    Changes the object only: the caller saves JOINED_FIELDS. Returns False, and changes nothing, if the joined text
    would have more than COALESCED_SEGMENTS segments or the text of `message` cannot be decrypted.
    """
    try:
        joined = f"{encryption.decrypt(message.text or b'')}\n{text}"
    except encryption.Unreadable:
        return False
    if count_segments(joined) > policy.COALESCED_SEGMENTS:
        return False
    message.text, message.segments = encryption.encrypt(joined), count_segments(joined)
    message.message_class = min(message.message_class, more.message_class)
    message.rank = min(message.rank, more.rank)
    message.deadline_at = max(message.deadline_at, more.deadline_at)
    return True


JOINED_FIELDS = ("text", "segments", "message_class", "rank", "deadline_at")
