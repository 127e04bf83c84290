"""Purges timers TIMERS_KEPT_DAYS after their end: they say where a person wanted to be, and their heartbeats say where
the person was.
"""

from datetime import datetime, timedelta

from django.conf import settings

from alerts.models import ActivityTimer

# Timers in one call, for a short transaction: each has at most 100 heartbeats. The next call goes on.
BATCH = 200


def purge(*, now: datetime) -> int:
    """Delete at most BATCH timers that ended TIMERS_KEPT_DAYS ago, with their heartbeats; return how many timers.

    A timer whose alert is under legal hold stays.
    """
    ended = now - timedelta(days=settings.TIMERS_KEPT_DAYS)
    outdated = ActivityTimer.objects.filter(ended_at__lte=ended, alert__legal_hold=None)
    some = list(outdated.order_by("ended_at").values_list("id", flat=True)[:BATCH])
    ActivityTimer.objects.filter(id__in=some).delete()
    return len(some)
