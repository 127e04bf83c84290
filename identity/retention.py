"""Deletes outdated rows. Pending registrations and counters say who did what and when, so they must not stay."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, Q

from identity.api import idempotency, rates
from identity.models import AcceptedPin, CodeCount, IdempotencyRecord, RateCount, Session, Verification
from identity.pins import tries
from identity.verification import registration

COUNTS_KEPT_FOR = timedelta(days=400)
# Rows of one table that one call deletes at most, so that transactions stay short. The next call deletes more.
STEP = 5_000


def purge(*, now: datetime) -> int:
    """Delete at most STEP outdated rows of each table; return the number of rows deleted."""
    outdated: list[tuple[type[Model], Q]] = [
        (Verification, Q(expires_at__lte=now - registration.RENEWABLE_FOR)),
        (RateCount, Q(window_start__lte=now - rates.LONGEST_WINDOW)),
        (Session, Q(expires_at__lte=now)),
        (CodeCount, Q(day__lte=now - COUNTS_KEPT_FOR)),
        (AcceptedPin, Q(at__lte=now - tries.HELD_FOR)),
        (IdempotencyRecord, Q(created_at__lte=now - idempotency.KEPT_FOR)),
    ]
    return sum(_delete(model, condition) for model, condition in outdated)


def _delete(model: type[Any], condition: Q) -> int:
    some = model.objects.filter(condition).values("pk")[:STEP]
    # Repeat the condition: an idempotency record that a new request has just taken over is not outdated any more.
    deleted, _ = model.objects.filter(condition, pk__in=some).delete()
    return int(deleted)
