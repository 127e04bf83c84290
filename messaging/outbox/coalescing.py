"""Coalescing: what is told to one phone within a moment is one text, and one row.

A message that waits for its moment takes on the text of the next: whoever queued that one watches the same row, so
nobody has to be told that two became one. What its owner may cancel stands alone: another's text would go with it.
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

# Held until the end of the transaction.
_TURN = """
SELECT bool_and(pg_try_advisory_xact_lock(hashtextextended(address, 0)))
FROM unnest(%s::text[]) AS address
"""


def waiting(addresses: Iterable[str]) -> dict[tuple[str, int | None], Message]:
    """For each address and sender (id) the message that can take on another text, locked; one that is being granted is
    left alone. A text joins only where it would go by itself: another sender may not carry its class.

    Of two transactions that write to one phone at the same instant the later waits here, and finds the earlier's.
    """
    addresses = set(addresses)
    _take_turns(addresses)
    found = (
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(address__in=addresses, channel=Channel.SMS, state=State.QUEUED, attempts=0)
        .filter(message_class__in=JOINABLE, stands_alone=False)
        .order_by("id")
    )
    return {(message.address, message.sender_id): message for message in found}


def _take_turns(addresses: set[str]) -> None:
    """Wait until nobody else writes to these phones; not for long: two texts are better than none."""
    give_up_at = time.monotonic() + policy.COALESCE_PATIENCE_S
    while rows(_TURN, [sorted(addresses)]) == [(False,)] and time.monotonic() < give_up_at:
        time.sleep(_LOOK_EVERY_S)


def join(message: Message, *, text: str, more: Message) -> bool:
    """Take the text of `more` into a waiting message, which becomes as urgent as the more urgent of the two and lives
    as long as the longer; False if the text would become too long, or cannot be read."""
    try:
        joined = f"{encryption.unseal(message.text or b'')}\n{text}"
    except encryption.Unreadable:
        return False
    if count_segments(joined) > policy.COALESCED_SEGMENTS:
        return False
    message.text, message.segments = encryption.seal(joined), count_segments(joined)
    message.message_class = min(message.message_class, more.message_class)
    message.rank = min(message.rank, more.rank)
    message.deadline_at = max(message.deadline_at, more.deadline_at)
    return True


JOINED_FIELDS = ("text", "segments", "message_class", "rank", "deadline_at")
