"""Settles attempts with an unknown outcome, whose reply was lost: by a callback, else by a look-up, else by the rules
of policy.py.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID

import structlog
from django.db import connection, transaction

from messaging import encryption, policy
from messaging.database import clock
from messaging.database.each import count_each
from messaging.database.notices import notify
from messaging.delivery.courier import Courier
from messaging.history import NO_EVIDENCE, NOT_CREATED
from messaging.models import Attempt, AttemptOutcome, Channel, Deliverer, Message, MessageClass, MessageEvent
from messaging.moves import Change, move
from messaging.operations.alarms import alarm
from messaging.providers import LookUpFailed, Outcome, Search
from messaging.reports import delivery_reports
from messaging.states import State

log = structlog.get_logger(__name__)

# At most this many look-ups of one sender in one pass: while look-ups fail, an emergency must not wait behind more.
LOOK_UPS_PER_PASS = 200


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message in state `unknown`: its latest attempt (`attempt_id`, begun at `started_at`) may exist at the provider.

    `since`: when the message became unknown. `proof_at`: a look-up that is made later and does not show the message
    proves that it was not created. `unknown_attempts`: the message's attempts with an unknown outcome.
    """

    message_id: int
    attempt_id: UUID
    channel: Channel
    address: str
    origin: str
    text: str | None  # None: encrypted with a key that is lost, so no look-up can recognise the message.
    message_class: MessageClass
    started_at: datetime
    deadline_at: datetime
    unknown_attempts: int
    proof_at: datetime
    since: datetime


def senders_in_doubt() -> list[int]:
    """Ids of senders with a message that is `unknown` and due."""
    due = Message.objects.filter(state=State.UNKNOWN, due_at__lte=clock.now())
    return list(due.order_by("sender_id").values_list("sender_id", flat=True).distinct())


def settle(courier: Courier, sender_id: int) -> int:
    """Look up the due unknown messages of one sender, all at the same time; return how many left the state `unknown`.

    One call takes at most LOOK_UPS_PER_PASS messages, and waits only for the look-ups of its own sender.
    """
    doubts = _take_due(sender_id)
    if not doubts:
        return 0
    known = _known(doubts)
    asked_at = clock.now()
    connection.close()  # No database connection is held while the provider replies.
    replies = courier.run(_look_up(courier, doubts, known))
    steps = (partial(_settle, *pair, asked_at=asked_at) for pair in zip(doubts, replies, strict=True))
    return count_each(steps, failed="message_not_settled")


async def _look_up(
    courier: Courier, doubts: list[Doubt], known: dict[UUID, set[str]]
) -> list[Outcome | None | Literal[False]]:
    """For each doubt the outcome that the provider shows, None if it has no such message, False without a usable reply.

    A reply "not there" later than PROMPT_REPLY_WITHIN is not usable. A provider that recovers from a fault may reply
    before it has created the messages of the requests that it held.
    """

    async def one(doubt: Doubt) -> Outcome | None | Literal[False]:
        if doubt.text is None:
            return False
        asked = time.monotonic()
        try:
            provider = await courier.provider(doubt.channel)
            found = await provider.find(
                Search(
                    address=doubt.address,
                    origin=doubt.origin,
                    text=doubt.text,
                    since=doubt.started_at,
                    known=known[doubt.attempt_id],
                )
            )
            is_prompt = time.monotonic() - asked <= policy.PROMPT_REPLY_WITHIN.total_seconds()
            return found if found or is_prompt else False
        except LookUpFailed as error:
            log.warning("look_up_failed", message_id=doubt.message_id, error=str(error))
            return False

    return await asyncio.gather(*map(one, doubts))


def _known(doubts: Sequence[Doubt]) -> dict[UUID, set[str]]:
    """Return attempt id of each doubt -> provider ids of other attempts to the same address.

    A look-up must not take one of these for the message in doubt. Attempts that began more than 24 hours before the
    oldest doubt are left out.
    """
    since = min(doubt.started_at for doubt in doubts) - policy.DEFAULT_DEADLINES[MessageClass.ROUTINE]
    recent = Attempt.objects.filter(message__address__in={doubt.address for doubt in doubts}, started_at__gte=since)
    found = recent.exclude(provider_id="").values_list("message__address", "id", "provider_id")
    return {
        doubt.attempt_id: {sid for address, i, sid in found if address == doubt.address and i != doubt.attempt_id}
        for doubt in doubts
    }


@transaction.atomic
def _take_due(sender_id: int) -> list[Doubt]:
    """Take the unknown messages of this sender that are due; return a doubt for each.

    Their due time moves to after the look-up, so that a second scheduler does not take the same messages.
    """
    now = clock.set_short_timeouts()
    due = list(
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(sender_id=sender_id, state=State.UNKNOWN, due_at__lte=now)
        .order_by("message_class", "due_at")[:LOOK_UPS_PER_PASS]
    )
    Message.objects.filter(id__in=[m.id for m in due]).update(due_at=now + 2 * policy.LOOK_UP_DEADLINE)
    return _doubts(due)


def _doubts(messages: Sequence[Message]) -> list[Doubt]:
    """One doubt for each message, with the facts of its latest attempt."""
    attempts = Attempt.objects.filter(message__in=messages).select_related("sender").order_by("number")
    latest = {attempt.message_id: attempt for attempt in attempts}
    unknown_attempts = Counter(a.message_id for a in attempts if a.outcome == AttemptOutcome.UNKNOWN)
    events = MessageEvent.objects.filter(message__in=messages, state=State.UNKNOWN).order_by("id")
    since = dict(events.values_list("attempt_id", "at"))
    return [
        Doubt(
            message_id=message.id,
            attempt_id=attempt.id,
            channel=Channel(message.channel),
            address=message.address,
            origin=attempt.sender.origin,
            text=_readable(message),
            message_class=MessageClass(message.message_class),
            started_at=attempt.started_at,
            deadline_at=message.deadline_at,
            unknown_attempts=unknown_attempts[message.id],
            proof_at=attempt.deadline_at + policy.PROOF_AFTER,
            since=since[attempt.id],
        )
        for message in messages
        for attempt in [latest[message.id]]
    ]


def _readable(message: Message) -> str | None:
    try:
        return encryption.decrypt(message.text or b"")
    except encryption.Unreadable:
        log.error("text_unreadable", message_id=message.id)
        return None


def _settle(doubt: Doubt, found: Outcome | None | Literal[False], *, asked_at: datetime) -> bool:
    return _settle_by_policy(doubt) if found is False else _settle_by_look_up(doubt, found, asked_at=asked_at)


def _settle_by_look_up(doubt: Doubt, found: Outcome | None, *, asked_at: datetime) -> bool:
    if found is not None:
        if Attempt.objects.filter(provider_id=found.provider_id).exclude(id=doubt.attempt_id).exists():
            # Another attempt of this pass, with the same address and text, has this provider id: look for another one.
            return _look_again(doubt, at=asked_at)
        return delivery_reports.apply_report(doubt.attempt_id, found, by=Deliverer.SCHEDULER)
    if asked_at < doubt.proof_at:
        return _look_again(doubt, at=doubt.proof_at)
    return _leave_unknown(doubt, to=State.QUEUED, reason=NOT_CREATED, outcome=AttemptOutcome.NOT_CREATED)


def _settle_by_policy(doubt: Doubt) -> bool:
    now = clock.now()
    if _may_send_blindly(doubt, now=now):
        if now < doubt.since + policy.RESEND_EMERGENCY_AFTER:
            at = min(now + policy.LOOK_AGAIN_AFTER, doubt.since + policy.RESEND_EMERGENCY_AFTER)
            return _look_again(doubt, at=at)
        # Stored rows and alarms have these two codes; "evidence" means a delivery report.
        alarm("emergency_sent_again_without_evidence", now=now, message_id=doubt.message_id)
        return _leave_unknown(doubt, to=State.QUEUED, reason=NO_EVIDENCE)
    # No mail server can be asked about a message, so an e-mail is not looked up again.
    if doubt.channel != Channel.EMAIL and now < doubt.since + policy.GIVE_UP_LOOKING_AFTER:
        return _look_again(doubt, at=now + policy.LOOK_AGAIN_AFTER)
    return _leave_unknown(doubt, to=State.UNCONFIRMED, reason=NO_EVIDENCE)


def _may_send_blindly(doubt: Doubt, *, now: datetime) -> bool:
    """Whether to send a message again although its outcome is unknown: an EMERGENCY twice is better than not at all.

    It must be before its deadline and have fewer than MAX_UNKNOWN_ATTEMPTS attempts with an unknown outcome.
    """
    return (
        doubt.message_class == MessageClass.EMERGENCY
        and now < doubt.deadline_at
        and doubt.unknown_attempts < policy.MAX_UNKNOWN_ATTEMPTS
    )


@transaction.atomic
def _leave_unknown(doubt: Doubt, *, to: State, reason: str, outcome: AttemptOutcome = AttemptOutcome.UNKNOWN) -> bool:
    """Move an unknown message to `to` (queued or unconfirmed), and write `outcome` to its latest attempt.

    Returns False, and changes nothing, if a callback has moved the message meanwhile.
    """
    now = clock.set_short_timeouts()
    change = Change(id=doubt.message_id, to=to, due_at=now, error_code=reason, attempt_id=doubt.attempt_id)
    # Only from `unknown`: the table of moves lets other states move there too, for other reasons.
    still = Message.objects.select_for_update(no_key=True).filter(id=doubt.message_id, state=State.UNKNOWN)
    if not still.exists() or not move([change], by=Deliverer.SCHEDULER, now=now):
        return False
    Attempt.objects.filter(id=doubt.attempt_id, outcome=AttemptOutcome.UNKNOWN).update(outcome=outcome)
    notify()
    return True


def _look_again(doubt: Doubt, *, at: datetime) -> bool:
    Message.objects.filter(id=doubt.message_id, state=State.UNKNOWN).update(due_at=at)
    return False
