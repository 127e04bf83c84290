"""What is kept of timers that have ended: they say where somebody meant to be, and their heartbeats where they were."""

from datetime import datetime, timedelta

from django.conf import settings

from alerts.models import ActivityTimer

# Timers in one call: a short transaction, and the next call goes on. Each has a hundred heartbeats at most.
STEP = 200


def purge(*, now: datetime) -> int:
    """Delete at most STEP timers that ended long ago, with their heartbeats; returns how many. A timer whose alert is
    under legal hold stays."""
    ended = now - timedelta(days=settings.TIMERS_KEPT_DAYS)
    outdated = ActivityTimer.objects.filter(ended_at__lte=ended, alert__legal_hold=None)
    some = list(outdated.order_by("ended_at").values_list("id", flat=True)[:STEP])
    ActivityTimer.objects.filter(id__in=some).delete()
    return len(some)
