"""The watch: what the provider has and no callback finishes is looked up, so that a lost callback costs nothing."""

import asyncio
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import structlog
from django.db import connection, transaction

from messaging import clock, evidence, policy
from messaging.delivery import Courier
from messaging.models import Attempt, AttemptOutcome, Channel, Deliverer, Message
from messaging.moves import Change, move
from messaging.providers import LookUpFailed, Outcome
from messaging.states import State

log = structlog.get_logger(__name__)

FETCHES_PER_PASS = 50
_UNFINISHED = (State.ACCEPTED, State.SENT)


@dataclass(frozen=True, slots=True)
class Watched:
    message_id: int
    attempt_id: UUID
    channel: Channel
    provider_id: str
    is_overdue: bool


def senders_to_watch() -> list[int]:
    """Senders of which a message is unfinished and due."""
    due = Message.objects.filter(state__in=_UNFINISHED, due_at__lte=clock.now())
    return list(due.order_by("sender_id").values_list("sender_id", flat=True).distinct())


def watch(courier: Courier, sender_id: int) -> int:
    """Look up what of one sender is unfinished and due, a bounded number a pass and all at once; returns how many
    moved."""
    watched = _take_due(sender_id)
    if not watched:
        return 0
    connection.close()  # Held by nobody while the provider takes its time.
    answers = courier.run(_fetch_all(courier, watched))
    return sum(_learn(item, answer) for item, answer in zip(watched, answers, strict=True))


@transaction.atomic
def _take_due(sender_id: int) -> list[Watched]:
    """What is due, put off to its next look-up: as far away as the message is old, within bounds."""
    now = clock.lock_briefly()
    due = Message.objects.select_for_update(skip_locked=True, no_key=True).filter(
        sender_id=sender_id, state__in=_UNFINISHED, due_at__lte=now
    )
    messages = {m.id: m for m in due.order_by("due_at")[:FETCHES_PER_PASS]}
    for message in messages.values():
        age = now - (message.accepted_at or message.queued_at)
        wait = min(max(age, policy.AWAITING_CALLBACK), policy.WATCH_AT_MOST_EVERY)
        Message.objects.filter(id=message.id).update(due_at=now + wait)
    # The latest call that the provider has: an earlier one, if it still counts, tells by its own callback.
    attempts = Attempt.objects.filter(message_id__in=messages, outcome=AttemptOutcome.ACCEPTED).exclude(provider_id="")
    latest = {attempt.message_id: attempt for attempt in attempts.order_by("number")}
    return [
        Watched(
            message_id=message_id,
            attempt_id=attempt.id,
            channel=Channel(messages[message_id].channel),
            provider_id=attempt.provider_id,
            is_overdue=messages[message_id].deadline_at + policy.NEVER_FINISHED_AFTER <= now,
        )
        for message_id, attempt in latest.items()
    ]


async def _fetch_all(courier: Courier, watched: list[Watched]) -> list[Outcome | None | Literal[False]]:
    """For each what the provider says, None if it does not have it, False if it did not answer."""

    async def one(item: Watched) -> Outcome | None | Literal[False]:
        try:
            provider = await courier.provider(item.channel)
            return await provider.fetch(item.provider_id)
        except LookUpFailed as error:
            log.warning("fetch_failed", message_id=item.message_id, error=str(error))
            return False

    return await asyncio.gather(*map(one, watched))


def _learn(item: Watched, answer: Outcome | None | Literal[False]) -> bool:
    if answer and evidence.learn(item.attempt_id, answer, by=Deliverer.SCHEDULER):
        return True
    is_finished = answer is None or item.is_overdue
    if not is_finished:
        return False
    reason = "provider_lost_it" if answer is None else "never_finished"
    end = Change(id=item.message_id, to=State.UNCONFIRMED, error_code=reason)
    return bool(move([end], by=Deliverer.SCHEDULER, now=clock.now()))
