"""Claiming: one statement gives a message, an attempt and a lease to exactly one of the processes that ask for it."""

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction

from messaging import encryption, policy
from messaging.database import clock
from messaging.database.sql import rows
from messaging.delivery import pacing
from messaging.models import URGENT, Deliverer, Sender

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that only this process may send, until `slot_at` + LEASE. `text` is encrypted. `address` is empty if it
    cannot be decrypted.

    `attempt_ends_at` is the end of this attempt's create request, `deadline_at` the message's deadline. `reading` is
    PostgreSQL's clock as it was read with the claim. `each` is the time of one segment at the sender's pace.
    """

    message_id: int
    address: str
    text: bytes | memoryview
    segments: int
    attempt: int
    sender_id: int
    origin: str
    messaging_service_sid: str
    deadline_at: datetime
    slot_at: datetime
    attempt_id: UUID
    attempt_ends_at: datetime
    message_class: int
    channel: str
    language: str
    recording: str
    each: timedelta
    reading: clock.Reading

    @property
    def attempt_began_at(self) -> datetime:
        """The earliest time at which the create request can have left."""
        return self.attempt_ends_at - policy.ATTEMPT_TIMEOUT


_CLAIM = """
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now, set_config('idle_in_transaction_session_timeout', %(idle_limit)s, true),
        set_config('lock_timeout', %(lock_timeout)s, true), set_config('statement_timeout', %(statement_timeout)s, true)
), free AS (
    SELECT id, clock.now FROM clock CROSS JOIN messaging_message m
    WHERE id = ANY(%(ids)s) AND state = 'dispatched' AND deadline_at > clock.now
    ORDER BY id FOR NO KEY UPDATE OF m SKIP LOCKED
), claimed AS (
    UPDATE messaging_message m
    SET state = 'sending', attempts = m.attempts + 1, due_at = greatest(m.slot_at, free.now) + %(lease)s
    FROM free WHERE m.id = free.id
    RETURNING m.id, m.address, m.text, m.segments, m.attempts, m.sender_id, m.deadline_at, m.slot_at,
        m.message_class, m.channel, m.language, m.recording, free.now
), attempt AS (
    INSERT INTO messaging_attempt
        (id, message_id, sender_id, number, by, outcome, provider_id, error_code, started_at, deadline_at)
    SELECT gen_random_uuid(), id, sender_id, attempts, %(by)s, 'sending', '', '', now,
        greatest(slot_at, now) + %(attempt_timeout)s FROM claimed
    RETURNING id, message_id, started_at, deadline_at
), event AS (
    INSERT INTO messaging_messageevent (message_id, attempt_id, state, by, error_code, at)
    SELECT message_id, id, 'sending', %(by)s, '', started_at FROM attempt
)
SELECT c.id, c.address, c.text, c.segments, c.attempts, c.sender_id, s.origin, s.messaging_service_sid,
    c.deadline_at, c.slot_at, a.id, a.deadline_at, c.message_class, c.channel, c.language, c.recording,
    s.segments_per_second, clock_timestamp()
FROM claimed c JOIN attempt a ON a.message_id = c.id JOIN messaging_sender s ON s.id = c.sender_id
ORDER BY c.slot_at
"""


@transaction.atomic
def claim(message_ids: Sequence[int], *, by: Deliverer) -> list[Claim]:
    """Claim the messages in `message_ids` that are `dispatched` and before their deadline; return their claims.

    Messages whose row another process has locked are left out. A message that missed its slot gets a new one (see
    `_with_new_slots`), so that a worker which wakes from a freeze sends no burst.
    """
    asked = time.monotonic()
    claimed = rows(
        _CLAIM,
        {
            "ids": list(message_ids),
            "by": str(by),
            "lease": policy.LEASE,
            "attempt_timeout": policy.ATTEMPT_TIMEOUT,
            **clock.short_timeouts(),
        },
    )
    if not claimed:
        return []
    reading = clock.Reading.of(claimed[-1][-1])
    hop = timedelta(seconds=reading.monotonic - asked)
    # The columns come in the order of Claim's fields; the sender's pace and the clock are the last two.
    claims = [
        Claim(message_id, _readable(address, message_id), *(*fields, pacing.interval(pace), reading))
        for message_id, address, *fields, pace, _ in claimed
    ]
    return _with_new_slots(claims, reading=reading, hop=hop)


def _readable(address: str, message_id: int) -> str:
    """The address; empty if its key is gone, so that the other messages of the claim are sent."""
    try:
        return encryption.decrypt_number(address)
    except encryption.Unreadable:
        log.error("address_unreadable", message_id=message_id)
        return ""


_IS_OPEN = "SELECT 1 FROM messaging_message WHERE id = %s AND state = 'sending' AND attempts = %s"


def is_open(claimed: Claim) -> bool:
    """Whether the attempt's request must still be sent: the message is `sending`, and this attempt is its latest one.

    A report on an earlier attempt may have moved the message since the claim. True also if the database does not
    answer. Closes the thread's database connection.
    """
    try:
        return bool(rows(_IS_OPEN, [claimed.message_id, claimed.attempt]))
    except DatabaseError:
        return True
    finally:
        with suppress(DatabaseError):
            connection.close()


def _with_new_slots(claims: list[Claim], *, reading: clock.Reading, hop: timedelta) -> list[Claim]:
    """Return the claims, with new slots for those that missed theirs: a late machine keeps the pace and still sends.

    A message that is not urgent gets no slot later than RESERVE_AHEAD from now, because a new emergency would wait
    behind it. Then it keeps its missed slot, and the courier gives it back to the queue.

    `hop` is the time that the claiming statement took. With a distant database, a slot that is not missed now may be
    missed when the claim is committed.
    """
    missed: dict[int, list[Claim]] = defaultdict(list)
    for claimed in claims:
        if pacing.is_missed(slot_at=claimed.slot_at, now=reading.now() + hop, each=claimed.each):
            missed[claimed.sender_id].append(claimed)
    # Every process locks senders in the order of their ids, so that two of them never wait for each other.
    reserved = [c for sender_id in sorted(missed) for c in _reserve(sender_id, missed[sender_id], reading, hop=hop)]
    renewed = {c.message_id: c for c in reserved}
    return [renewed.get(claimed.message_id, claimed) for claimed in claims]


_MOVE_TO_SLOTS = """
WITH slot AS (
    SELECT * FROM unnest(%(message_ids)s::bigint[], %(attempt_ids)s::uuid[], %(slots)s::timestamptz[])
        AS s (message_id, attempt_id, at)
), message AS (
    UPDATE messaging_message m SET slot_at = slot.at, due_at = slot.at + %(lease)s
    FROM slot WHERE m.id = slot.message_id
)
UPDATE messaging_attempt a SET deadline_at = slot.at + %(attempt_timeout)s FROM slot WHERE a.id = slot.attempt_id
"""


def _reserve(sender_id: int, late: list[Claim], reading: clock.Reading, *, hop: timedelta) -> list[Claim]:
    sender = Sender.objects.select_for_update(no_key=True).get(id=sender_id)
    # Two more statements and the commit come before the create request.
    now = reading.now() + 3 * hop
    late.sort(key=lambda c: (c.message_class, c.message_id))
    taken, free_at = pacing.slots(
        [c.segments for c in late],
        next_free_at=sender.next_free_at,
        now=now,
        each=pacing.interval(sender.segments_per_second),
    )
    near = [c.message_class in URGENT or slot < now + policy.RESERVE_AHEAD for c, slot in zip(late, taken, strict=True)]
    if not all(near):
        count = near.index(False)
        late, taken, free_at = late[:count], taken[:count], taken[count]
    sender.next_free_at = free_at
    sender.save(update_fields=["next_free_at"])
    rows(
        _MOVE_TO_SLOTS,
        {
            "message_ids": [c.message_id for c in late],
            "attempt_ids": [c.attempt_id for c in late],
            "slots": taken,
            "lease": policy.LEASE,
            "attempt_timeout": policy.ATTEMPT_TIMEOUT,
        },
    )
    return [
        replace(claimed, slot_at=slot, attempt_ends_at=slot + policy.ATTEMPT_TIMEOUT)
        for claimed, slot in zip(late, taken, strict=True)
    ]
