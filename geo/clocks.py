"""Clocks of phones: how far one is behind the database's clock, measured from the times in a request."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from geo import policy
from geo.models import Whereabouts


def measured(*, sent_at: datetime | None, recorded_at: Iterable[datetime], now: datetime) -> timedelta:
    """Return the time to add to the phone's times to get the database's; zero if that is at most SKEW_IGNORED.

    Without `sent_at`, the newest of the times `recorded_at` is used instead, if it is after `now`: a request is sent no
    earlier than its newest fix was recorded. A time more than AHEAD_AT_MOST after `now` is left out.
    """
    if sent_at is None:
        ahead = (at for at in recorded_at if at - now <= policy.AHEAD_AT_MOST)
        sent_at = max(ahead, default=now)
        if sent_at <= now:
            return timedelta(0)
    behind = now - sent_at
    return behind if abs(behind) > policy.SKEW_IGNORED else timedelta(0)


def steady(behind: timedelta, *, person_id: UUID) -> timedelta:
    """Return the time to add to the phone's times: the person's stored one, or `behind` if they differ by more than
    SKEW_IGNORED. A smaller difference can come from the network. Another `behind` is stored for the next time.

    The time is part of a fix's key. A fix that is sent again must get the same time, or it would be stored twice.
    """
    known = Whereabouts.objects.filter(person_id=person_id).values_list("clock_behind_s", flat=True).first()
    kept = timedelta(seconds=known or 0)
    if abs(behind - kept) <= policy.SKEW_IGNORED:
        return kept
    Whereabouts.objects.update_or_create(person_id=person_id, defaults={"clock_behind_s": behind.total_seconds()})
    return behind


def last_measured(person_id: UUID) -> timedelta | None:
    """How far the person's phone was behind the database's clock when it last sent fixes; None if none of the person's
    fixes was ever evaluated.
    """
    known = Whereabouts.objects.filter(person_id=person_id, seen_at__isnull=False)
    seconds = known.values_list("clock_behind_s", flat=True).first()
    return None if seconds is None else timedelta(seconds=seconds)
