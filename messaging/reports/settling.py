"""Unknown outcomes: settled by callback (evidence.py), else by look-up, and only without either by policy."""

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
from messaging.history import NO_EVIDENCE
from messaging.models import Attempt, AttemptOutcome, Channel, Deliverer, Message, MessageClass, MessageEvent
from messaging.moves import Change, move
from messaging.operations.alarms import alarm
from messaging.providers import LookUpFailed, Outcome, Search
from messaging.reports import delivery_reports
from messaging.states import State

log = structlog.get_logger(__name__)

# Of one sender: an outage of the look-ups alone must not keep an emergency behind so many others.
LOOK_UPS_PER_PASS = 200


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message whose latest attempt may or may not exist at the provider."""

    message_id: int
    attempt_id: UUID
    channel: Channel
    address: str
    origin: str
    text: str | None  # None: sealed with a key that is lost, so no look-up can recognise it.
    message_class: MessageClass
    started_at: datetime
    deadline_at: datetime
    unknown_calls: int
    proof_at: datetime
    since: datetime


def senders_in_doubt() -> list[int]:
    """Senders of which a message is unknown and due."""
    due = Message.objects.filter(state=State.UNKNOWN, due_at__lte=clock.now())
    return list(due.order_by("sender_id").values_list("sender_id", flat=True).distinct())


def settle(courier: Courier, sender_id: int) -> int:
    """Look up what of one sender is unknown and due, a bounded number a pass and all at once; returns how many were
    settled. Each sender's pass waits for its own look-ups only."""
    doubts = _take_due(sender_id)
    if not doubts:
        return 0
    known = _known(doubts)
    asked_at = clock.now()
    connection.close()  # Held by nobody while the provider takes its time.
    answers = courier.run(_look_up(courier, doubts, known))
    steps = (partial(_take_answer, *pair, asked_at=asked_at) for pair in zip(doubts, answers, strict=True))
    return count_each(steps, failed="message_not_settled")


async def _look_up(
    courier: Courier, doubts: list[Doubt], known: dict[UUID, set[str]]
) -> list[Outcome | None | Literal[False]]:
    """For each what the provider has, None if it has nothing, False if it did not answer, or too slowly to prove
    anything: a provider that wakes may answer before it has worked off the requests that it held."""

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
            is_prompt = time.monotonic() - asked <= policy.PROMPT_ANSWER.total_seconds()
            return found if found or is_prompt else False
        except LookUpFailed as error:
            log.warning("look_up_failed", message_id=doubt.message_id, error=str(error))
            return False

    return await asyncio.gather(*map(one, doubts))


def _known(doubts: Sequence[Doubt]) -> dict[UUID, set[str]]:
    """For each attempt the provider ids of its address that belong to others."""
    since = min(doubt.started_at for doubt in doubts) - policy.DEADLINES[MessageClass.ROUTINE]
    recent = Attempt.objects.filter(message__address__in={doubt.address for doubt in doubts}, started_at__gte=since)
    found = recent.exclude(provider_id="").values_list("message__address", "id", "provider_id")
    return {
        doubt.attempt_id: {sid for address, i, sid in found if address == doubt.address and i != doubt.attempt_id}
        for doubt in doubts
    }


@transaction.atomic
def _take_due(sender_id: int) -> list[Doubt]:
    """Due doubts, put off for the time the look-up may take, so that two schedulers do not ask for the same."""
    now = clock.lock_briefly()
    due = list(
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(sender_id=sender_id, state=State.UNKNOWN, due_at__lte=now)
        .order_by("message_class", "due_at")[:LOOK_UPS_PER_PASS]
    )
    Message.objects.filter(id__in=[m.id for m in due]).update(due_at=now + 2 * policy.LOOK_UP_DEADLINE)
    return _doubts(due)


def _doubts(messages: Sequence[Message]) -> list[Doubt]:
    """With what is known of their latest attempts."""
    attempts = Attempt.objects.filter(message__in=messages).select_related("sender").order_by("number")
    latest = {attempt.message_id: attempt for attempt in attempts}
    unknown_calls = Counter(a.message_id for a in attempts if a.outcome == AttemptOutcome.UNKNOWN)
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
            unknown_calls=unknown_calls[message.id],
            proof_at=attempt.deadline_at + policy.PROOF_AFTER,
            since=since[attempt.id],
        )
        for message in messages
        for attempt in [latest[message.id]]
    ]


def _readable(message: Message) -> str | None:
    try:
        return encryption.unseal(message.text or b"")
    except encryption.Unreadable:
        log.error("text_unreadable", message_id=message.id)
        return None


def _take_answer(doubt: Doubt, answer: Outcome | None | Literal[False], *, asked_at: datetime) -> bool:
    return _without_evidence(doubt) if answer is False else _with_answer(doubt, answer, asked_at=asked_at)


def _with_answer(doubt: Doubt, found: Outcome | None, *, asked_at: datetime) -> bool:
    if found is not None:
        if Attempt.objects.filter(provider_id=found.provider_id).exclude(id=doubt.attempt_id).exists():
            # Another attempt of this pass, with the same address and text, has taken it: ask for what else there is.
            return _look_again(doubt, at=asked_at)
        return delivery_reports.learn(doubt.attempt_id, found, by=Deliverer.SCHEDULER)
    if asked_at < doubt.proof_at:
        return _look_again(doubt, at=doubt.proof_at)
    return _leave_unknown(doubt, to=State.QUEUED, reason="not_created", outcome=AttemptOutcome.NOT_CREATED)


def _without_evidence(doubt: Doubt) -> bool:
    now = clock.now()
    if _may_send_blindly(doubt, now=now):
        if now < doubt.since + policy.RESEND_EMERGENCY_AFTER:
            at = min(now + policy.LOOK_AGAIN_AFTER, doubt.since + policy.RESEND_EMERGENCY_AFTER)
            return _look_again(doubt, at=at)
        alarm("emergency_sent_again_without_evidence", now=now, message_id=doubt.message_id)
        return _leave_unknown(doubt, to=State.QUEUED, reason=NO_EVIDENCE)
    # Of an e-mail nobody can be asked, now or later.
    if doubt.channel != Channel.EMAIL and now < doubt.since + policy.GIVE_UP_LOOKING_AFTER:
        return _look_again(doubt, at=now + policy.LOOK_AGAIN_AFTER)
    return _leave_unknown(doubt, to=State.UNCONFIRMED, reason=NO_EVIDENCE)


def _may_send_blindly(doubt: Doubt, *, now: datetime) -> bool:
    """An EMERGENCY rather twice than not at all; but not on and on while the provider is out of sight."""
    return (
        doubt.message_class == MessageClass.EMERGENCY
        and now < doubt.deadline_at
        and doubt.unknown_calls < policy.BLIND_CALLS
    )


@transaction.atomic
def _leave_unknown(doubt: Doubt, *, to: State, reason: str, outcome: AttemptOutcome = AttemptOutcome.UNKNOWN) -> bool:
    """Back to the queue or to the end, unless a callback has settled it meanwhile."""
    now = clock.lock_briefly()
    change = Change(id=doubt.message_id, to=to, due_at=now, error_code=reason, attempt_id=doubt.attempt_id)
    # Only from unknown: the table also lets other states there, for other reasons.
    still = Message.objects.select_for_update(no_key=True).filter(id=doubt.message_id, state=State.UNKNOWN)
    if not still.exists() or not move([change], by=Deliverer.SCHEDULER, now=now):
        return False
    Attempt.objects.filter(id=doubt.attempt_id, outcome=AttemptOutcome.UNKNOWN).update(outcome=outcome)
    notify()
    return True


def _look_again(doubt: Doubt, *, at: datetime) -> bool:
    Message.objects.filter(id=doubt.message_id, state=State.UNKNOWN).update(due_at=at)
    return False
