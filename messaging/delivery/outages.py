"""Outages: after a configuration or quota error a sender is left out for a while. Another sender that can carry its
messages, if there is one, takes over.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Q

from messaging import numbers, policy
from messaging.database import clock
from messaging.database.notices import notify
from messaging.database.sql import rows
from messaging.delivery.claims import Claim
from messaging.models import Attempt, Channel, Message, MessageClass, Sender, SenderOutage
from messaging.outbox.routing import Routes
from messaging.providers import Kind, Outcome, Scope
from messaging.providers.registry import LATE_CODES
from messaging.states import State

log = structlog.get_logger(__name__)

# At most this many messages of one sender move to one other sender in one transaction.
_BATCH = 1_000

_TRIP = """
INSERT INTO messaging_senderoutage AS o (sender_id, country, error_code, times, since, until)
VALUES (%(sender)s, %(country)s, %(code)s, 1, %(now)s, %(now)s + %(first)s)
ON CONFLICT (sender_id, country) DO UPDATE SET error_code = excluded.error_code, since = %(now)s,
    times = CASE WHEN o.until < %(now)s - %(longest)s THEN 1 ELSE least(o.times + 1, 10) END,
    until = %(now)s + CASE WHEN o.until < %(now)s - %(longest)s THEN %(first)s
        ELSE least(%(first)s * power(2, o.times), greatest(%(first)s, %(longest)s)) END
WHERE o.until <= %(now)s
"""


def trip(sender_id: int, *, address: str, outcome: Outcome, now: datetime) -> None:
    """Begin an outage of the sender, for the country of `address` or, if the outcome's scope is SENDER, for all
    countries.

    The first outage lasts OUTAGE, or QUOTA_RETRY after a quota error. An outage that begins less than LONGEST_OUTAGE
    after the end of the one before lasts twice as long as that one, but at most LONGEST_OUTAGE or the time of a first
    outage, whichever is longer. An error during an outage changes nothing.
    """
    rows(
        _TRIP,
        {
            "sender": sender_id,
            "country": "" if outcome.scope is Scope.SENDER else numbers.calling_code(address),
            "code": outcome.code[:40],
            "now": now,
            "first": policy.QUOTA_RETRY if outcome.kind is Kind.QUOTA else policy.OUTAGE,
            "longest": policy.LONGEST_OUTAGE,
        },
    )


def close(claims: Sequence[Claim]) -> None:
    """End the outages that began before one of these accepted attempts at the same sender.

    An outage of one country ends only by an attempt to that country. An outage because of a code in LATE_CODES goes on:
    the provider accepts messages, and the carrier refuses them later.
    """
    if not SenderOutage.objects.exclude(error_code__in=LATE_CODES).exists():
        return
    latest: dict[tuple[int, str], datetime] = {}
    for claimed in claims:
        key = (claimed.sender_id, numbers.calling_code(claimed.address))
        latest[key] = max(latest.get(key, claimed.attempt_began_at), claimed.attempt_began_at)
    for (sender_id, country), began_at in latest.items():
        theirs = SenderOutage.objects.filter(sender_id=sender_id, country__in=("", country), since__lt=began_at)
        theirs.exclude(error_code__in=LATE_CODES).delete()


def pass_on(message_ids: Sequence[int], *, now: datetime) -> int:
    """Give these messages, after a failed attempt, to senders that have not tried them; return how many moved.

    A message that moves is due now. A message without an untried sender stays at its sender, which tries it again.
    Messages that are not `queued` do not move.
    """
    routes = Routes.at(now)
    waiting = Message.objects.select_for_update(no_key=True).filter(id__in=message_ids, state=State.QUEUED)
    passed = 0
    for message in waiting.order_by("id").defer("text"):
        if sender := _untried(message, routes):
            passed += Message.objects.filter(id=message.id).update(sender=sender, due_at=now)
    return passed


def has_alternative(message: Message, *, now: datetime) -> bool:
    """Whether Routes.choose finds a sender for the message that has made no attempt at it."""
    return _untried(message, Routes.at(now)) is not None


def _untried(message: Message, routes: Routes) -> Sender | None:
    tried = set(Attempt.objects.filter(message=message).values_list("sender_id", flat=True))
    sender = routes.choose(
        channel=Channel(message.channel),
        address=message.address,
        message_class=MessageClass(message.message_class),
        without=tried,
    )
    return None if sender is None or sender.id in tried else sender


@transaction.atomic
def reroute() -> int:
    """Move queued messages from senders that are out, or inactive, to the preferred other sender that can carry them.

    One call moves at most _BATCH messages from one sender to one other. Messages that no other sender can carry stay.
    Returns how many messages moved, and wakes the schedulers if any did.
    """
    now = clock.set_short_timeouts()
    routes = Routes.at(now)
    origins = [(s, country) for s in routes.senders for sender_id, country in sorted(routes.out) if sender_id == s.id]
    origins += [(s, "") for s in Sender.objects.filter(is_active=False)]
    moved = sum(_move_on(origin, country, routes, now=now) for origin, country in origins)
    if moved:
        log.warning("messages_moved_to_another_sender", count=moved)
        notify()
    return moved


def _move_on(origin: Sender, country: str, routes: Routes, *, now: datetime) -> int:
    waiting = Message.objects.filter(_any_of([country]) if country else Q(), sender=origin, state=State.QUEUED)
    moved = 0
    for candidate in routes.senders:
        if candidate.id == origin.id or routes.is_out(candidate, country=country):
            continue
        theirs = waiting.filter(_within(candidate, routes)).order_by("message_class", "rank", "id")
        some = theirs.select_for_update(skip_locked=True, no_key=True).values_list("id", flat=True)[:_BATCH]
        # Due at once: a wait before the next attempt concerned only the old sender.
        moved += Message.objects.filter(id__in=list(some)).update(sender=candidate, due_at=now)
    return moved


def _within(sender: Sender, routes: Routes) -> Q:
    """A filter for messages that this sender can carry now: its channel, its classes, and its countries without an
    outage.
    """
    within = Q(channel=sender.channel)
    if sender.classes:
        within &= Q(message_class__in=sender.classes)
    if sender.countries:
        within &= _any_of(sender.countries)
    out = [country for sender_id, country in routes.out if sender_id == sender.id]
    return within & ~_any_of(out) if out else within


def _any_of(countries: Sequence[str]) -> Q:
    condition = Q()
    for country in countries:
        # Rows of releases with plain addresses name no country.
        condition |= Q(country=country) | Q(country="", address__startswith=country)
    return condition
