"""Inserts all new messages of a batch and their events by one statement.

A person who has pressed SOS waits for this statement. With the ORM, writing fifty rows takes longer than all other work
for the rows.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from messaging import encryption
from messaging.database.sql import rows
from messaging.models import Deliverer, Message

# PostgreSQL draws the ids in the order of the rows, so the ids in ascending order belong to the messages in turn.
_INSERT = """
WITH new AS (
    INSERT INTO messaging_message (channel, address, country, text, language, recording, segments, message_class, rank,
        stands_alone, on_behalf_of, sender_id, state, due_at, deadline_at, attempts, error_code, queued_at, final_at)
    SELECT channel, address, country, text, language, recording, segments, message_class, rank,
        stands_alone, on_behalf_of, sender_id, state, due_at, deadline_at, 0, error_code, %(now)s, final_at
    FROM unnest(%(channel)s::text[], %(address)s::text[], %(country)s::text[], %(text)s::bytea[], %(language)s::text[],
        %(recording)s::text[], %(segments)s::int[], %(message_class)s::int[], %(rank)s::int[],
        %(stands_alone)s::bool[], %(on_behalf_of)s::text[], %(sender_id)s::bigint[], %(state)s::text[],
        %(due_at)s::timestamptz[], %(deadline_at)s::timestamptz[], %(error_code)s::text[], %(final_at)s::timestamptz[])
        WITH ORDINALITY AS m (channel, address, country, text, language, recording, segments, message_class, rank,
            stands_alone, on_behalf_of, sender_id, state, due_at, deadline_at, error_code, final_at, ordinal)
    ORDER BY ordinal
    RETURNING id, state, error_code
), event AS (
    INSERT INTO messaging_messageevent (message_id, state, by, error_code, at)
    SELECT id, state, %(by)s, error_code, %(now)s FROM new ORDER BY id
)
SELECT id FROM new ORDER BY id
"""
_COLUMNS = (
    *("channel", "address", "country", "text", "language", "recording", "segments", "message_class", "rank"),
    *("stands_alone", "on_behalf_of", "sender_id", "state", "due_at", "deadline_at", "error_code", "final_at"),
)


def insert(messages: Sequence[Message], *, by: Deliverer, now: datetime) -> None:
    """Insert the messages, each with its first event, and set their ids."""
    if not messages:
        return
    columns = {name: [_plain(getattr(message, name)) for message in messages] for name in _COLUMNS}
    columns["address"] = [encryption.encrypt_number(message.address) for message in messages]
    written = rows(_INSERT, columns | {"by": str(by), "now": now})
    for message, (message_id,) in zip(messages, written, strict=True):
        message.id = message_id
        message._state.adding = False


def _plain(value: object) -> object:
    # The database driver does not know the members of Django's choices, only their strings and numbers.
    return value.value if isinstance(value, Enum) else value
