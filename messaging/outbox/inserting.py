"""New rows of the outbox, set-wise: a person waits for this statement after pressing SOS, and the ORM's way of
writing fifty rows takes longer than all else that is done for them."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from messaging.database.sql import rows
from messaging.models import Deliverer, Message

# Ids are drawn in the order of the rows, so in the order of the ids they are the messages' in turn.
_INSERT = """
WITH new AS (
    INSERT INTO messaging_message (channel, address, text, language, recording, segments, message_class, rank,
        stands_alone, sender_id, state, due_at, deadline_at, attempts, error_code, queued_at, final_at)
    SELECT channel, address, text, language, recording, segments, message_class, rank,
        stands_alone, sender_id, state, due_at, deadline_at, 0, error_code, %(now)s, final_at
    FROM unnest(%(channel)s::text[], %(address)s::text[], %(text)s::bytea[], %(language)s::text[],
        %(recording)s::text[], %(segments)s::int[], %(message_class)s::int[], %(rank)s::int[],
        %(stands_alone)s::bool[], %(sender_id)s::bigint[], %(state)s::text[], %(due_at)s::timestamptz[],
        %(deadline_at)s::timestamptz[], %(error_code)s::text[], %(final_at)s::timestamptz[])
        WITH ORDINALITY AS m (channel, address, text, language, recording, segments, message_class, rank,
            stands_alone, sender_id, state, due_at, deadline_at, error_code, final_at, place)
    ORDER BY place
    RETURNING id, state, error_code
), event AS (
    INSERT INTO messaging_messageevent (message_id, state, by, error_code, at)
    SELECT id, state, %(by)s, error_code, %(now)s FROM new ORDER BY id
)
SELECT id FROM new ORDER BY id
"""
_COLUMNS = (
    *("channel", "address", "text", "language", "recording", "segments", "message_class", "rank"),
    *("stands_alone", "sender_id", "state", "due_at", "deadline_at", "error_code", "final_at"),
)


def insert(messages: Sequence[Message], *, by: Deliverer, now: datetime) -> None:
    """Write messages that were queued now, each with its first event; gives them their ids."""
    if not messages:
        return
    columns = {name: [_plain(getattr(message, name)) for message in messages] for name in _COLUMNS}
    written = rows(_INSERT, columns | {"by": str(by), "now": now})
    for message, (message_id,) in zip(messages, written, strict=True):
        message.id = message_id
        message._state.adding = False


def _plain(value: object) -> object:
    # Members of Django's choices are strings and numbers that the driver does not know.
    return value.value if isinstance(value, Enum) else value
