"""The watch: looks up accepted messages for which no callback has come, so that a lost callback does no harm."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Literal
from uuid import UUID

import structlog
from django.db import connection, transaction

from messaging import policy
from messaging.database import clock
from messaging.database.each import count_each
from messaging.database.notices import notify
from messaging.delivery.courier import Courier
from messaging.history import NEVER_FINISHED
from messaging.models import Attempt, AttemptOutcome, Channel, Deliverer, Message
from messaging.moves import Change, move
from messaging.providers import LookUpFailed, Outcome
from messaging.reports import delivery_reports
from messaging.states import WITH_THE_PROVIDER, State

log = structlog.get_logger(__name__)

# At most this many look-ups of one sender in one pass.
FETCHES_PER_PASS = 50
_IN_DOUBT = {AttemptOutcome.SENDING, AttemptOutcome.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Watched:
    message_id: int
    attempt_id: UUID
    channel: Channel
    provider_id: str
    is_overdue: bool


def senders_to_watch() -> list[int]:
    """Ids of senders with an accepted or sent message that is due for a look-up."""
    due = Message.objects.filter(state__in=WITH_THE_PROVIDER, due_at__lte=clock.now())
    return list(due.order_by("sender_id").values_list("sender_id", flat=True).distinct())


def watch(courier: Courier, sender_id: int) -> int:
    """Look up the due accepted and sent messages of one sender, all at the same time; return the number moved.

    One call takes at most FETCHES_PER_PASS messages.
    """
    watched, moved = _take_due(sender_id)
    if watched:
        connection.close()  # No database connection is held while the provider replies.
        replies = courier.run(_fetch_all(courier, watched))
        steps = (partial(_apply, item, reply) for item, reply in zip(watched, replies, strict=True))
        moved += count_each(steps, failed="message_not_watched")
    return moved


@transaction.atomic
def _take_due(sender_id: int) -> tuple[list[Watched], int]:
    """Take up to FETCHES_PER_PASS due messages of this sender; return those to look up now, and how many were moved.

    A message without an attempt to look up is moved as `_without_look_up` says, or waits.

    The next look-up of a message is as far away as the message is old, but at least AWAITING_CALLBACK and at most
    WATCH_AT_MOST_EVERY.
    """
    now = clock.set_short_timeouts()
    due = Message.objects.select_for_update(skip_locked=True, no_key=True).filter(
        sender_id=sender_id, state__in=WITH_THE_PROVIDER, due_at__lte=now
    )
    messages = {m.id: m for m in due.order_by("message_class", "due_at")[:FETCHES_PER_PASS]}
    for message in messages.values():
        age = now - (message.accepted_at or message.queued_at)
        wait = min(max(age, policy.AWAITING_CALLBACK), policy.WATCH_AT_MOST_EVERY)
        Message.objects.filter(id=message.id).update(due_at=now + wait)
    attempts: dict[int, list[Attempt]] = {message_id: [] for message_id in messages}
    for attempt in Attempt.objects.filter(message_id__in=messages).order_by("number"):
        attempts[attempt.message_id].append(attempt)
    # The latest attempt that the provider accepted: an earlier one that still counts has a callback of its own.
    latest = {
        attempt.message_id: attempt
        for attempt in chain.from_iterable(attempts.values())
        if attempt.outcome == AttemptOutcome.ACCEPTED and attempt.provider_id
    }
    changes = [
        change
        for message_id, message in messages.items()
        if message_id not in latest and (change := _without_look_up(message, attempts[message_id], now=now))
    ]
    moved = len(move(changes, by=Deliverer.SCHEDULER, now=now))
    if moved:
        notify()
    watched = [
        Watched(
            message_id=message_id,
            attempt_id=attempt.id,
            channel=Channel(messages[message_id].channel),
            provider_id=attempt.provider_id,
            is_overdue=_is_overdue(messages[message_id], now=now),
        )
        for message_id, attempt in latest.items()
    ]
    return watched, moved


def _is_overdue(message: Message, *, now: datetime) -> bool:
    return message.deadline_at + policy.NEVER_FINISHED_AFTER <= now


def _without_look_up(message: Message, attempts: Sequence[Attempt], *, now: datetime) -> Change | None:
    """The change of an accepted or sent message that has no attempt to look up; None: the message waits.

    If all its attempts have failed, it is queued again (`may_try_again`) or ends `undelivered`. While the outcome of
    another attempt is unknown, `move` ends it as `unconfirmed` instead. If an accepted attempt has no provider id, the
    message waits for a callback and ends `unconfirmed` NEVER_FINISHED_AFTER its deadline.
    """
    outcomes = {attempt.outcome for attempt in attempts}
    to, reason = State.UNDELIVERED, "calls_failed"
    if AttemptOutcome.ACCEPTED in outcomes:  # Written without the provider's id.
        if not _is_overdue(message, now=now):
            return None
        to, reason = State.UNCONFIRMED, NEVER_FINISHED
    elif not outcomes & _IN_DOUBT and delivery_reports.may_try_again(message, now=now):
        to = State.QUEUED
    return Change(id=message.id, to=to, due_at=now, error_code=reason)


async def _fetch_all(courier: Courier, watched: list[Watched]) -> list[Outcome | None | Literal[False]]:
    """For each message the outcome that the provider shows, None if it has no such message, False without a reply."""

    async def one(item: Watched) -> Outcome | None | Literal[False]:
        try:
            provider = await courier.provider(item.channel)
            return await provider.fetch(item.provider_id)
        except LookUpFailed as error:
            log.warning("fetch_failed", message_id=item.message_id, error=str(error))
            return False

    return await asyncio.gather(*map(one, watched))


def _apply(item: Watched, reply: Outcome | None | Literal[False]) -> bool:
    if reply and delivery_reports.apply_report(item.attempt_id, reply, by=Deliverer.SCHEDULER):
        return True
    is_finished = reply is None or item.is_overdue
    if not is_finished:
        return False
    reason = "provider_lost_it" if reply is None else NEVER_FINISHED
    return _end(item.message_id, reason=reason)


@transaction.atomic
def _end(message_id: int, *, reason: str) -> bool:
    """End a message as `unconfirmed`. Returns False if a callback has finished it meanwhile."""
    still = Message.objects.select_for_update(no_key=True).filter(id=message_id, state__in=WITH_THE_PROVIDER)
    end = Change(id=message_id, to=State.UNCONFIRMED, error_code=reason)
    return still.exists() and bool(move([end], by=Deliverer.SCHEDULER, now=clock.set_short_timeouts()))
