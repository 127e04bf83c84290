"""Purges fixes and zone events that are older than LOCATION_DAYS, and makes the partitions of the coming weeks."""

from datetime import datetime, timedelta

from django.conf import settings

from geo import partitions, policy
from geo.models import ZoneEvent


def purge(*, now: datetime) -> int:
    """Make the partitions of the coming weeks, drop at most one old week and delete at most RETENTION_STEP old events.

    Returns the number of weeks made and dropped and of events deleted.
    """
    kept_for = timedelta(days=settings.LOCATION_DAYS)
    some = ZoneEvent.every.filter(decided_at__lt=now - kept_for).values("pk")[: policy.RETENTION_STEP]
    deleted, _ = ZoneEvent.every.filter(pk__in=some).delete()
    made = partitions.ensure(now=now, kept_for=kept_for)
    return made + partitions.drop_oldest(now=now, kept_for=kept_for) + int(deleted)
