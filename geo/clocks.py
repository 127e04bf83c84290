"""Phones' clocks: how far one is behind the database's, from what its uploads say of their sending."""

from datetime import datetime, timedelta
from uuid import UUID

from geo import policy
from geo.models import Whereabouts


def behind(*, person_id: UUID, sent_at: datetime | None, now: datetime) -> timedelta:
    """What to add to the phone's times; zero if it does not say when it sent.

    A lag that was found once holds until it changes by more than the network could explain: a batch that is sent
    again must get the same times, or it would not be a repeat.
    """
    if sent_at is None:
        return timedelta(0)
    measured = now - sent_at
    if abs(measured) > policy.SKEW_MOST:
        return timedelta(0)
    known = Whereabouts.objects.filter(person_id=person_id).values_list("clock_behind_s", flat=True).first()
    kept = timedelta(seconds=known or 0)
    if abs(measured - kept) <= policy.SKEW_IGNORED:
        return kept
    found = measured if abs(measured) > policy.SKEW_IGNORED else timedelta(0)
    Whereabouts.objects.update_or_create(person_id=person_id, defaults={"clock_behind_s": found.total_seconds()})
    return found
