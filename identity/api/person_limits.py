"""Limits of one person's requests, so that one account never slows everybody. They never refuse an SOS.

A request that changes something counts against the view's `limit`, or CHANGES if the view has none. A request that
reads counts only if the view has a `read_limit`. A device credential has a count of its own: whoever steals one uses up
none of its person's limits. DRF's settings name this module, so it imports no views.
"""

from datetime import timedelta
from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from identity.api import rates
from identity.api.rates import Limit
from identity.models import Device, User
from messaging.database import clock

_WINDOW = timedelta(minutes=5)
# Everything that has no limit of its own: an app that edits contacts, zones and timers sends a few in a minute.
CHANGES = Limit(scope="changes", times=300, window=_WINDOW)
# A phone sends a fix every few seconds.
FIXES = Limit(scope="fixes", times=600, window=_WINDOW)
# 1,000 fixes each, and half a second of processor: a phone that was offline for a day sends 22.
BATCHES = Limit(scope="batches of fixes", times=60, window=_WINDOW)
ALERT_BATCHES = Limit(scope="batches of alert positions", times=60, window=_WINDOW)
# Ten timers with a heartbeat every five seconds.
HEARTBEATS = Limit(scope="heartbeats of a person", times=600, window=_WINDOW)
# A video of 500 MB in pieces of 300 KB.
PIECES = Limit(scope="pieces of uploads", times=2_000, window=_WINDOW)
# Recordings and photos begun.
FILES = Limit(scope="files", times=300, window=_WINDOW)
# Pages of the history: 1,000 fixes each.
PAGES = Limit(scope="pages of fixes", times=300, window=_WINDOW)
# A history in one file: up to 50,000 fixes, and a second of processor.
HISTORIES = Limit(scope="histories", times=30, window=timedelta(hours=1))
# Somebody who mistypes a PIN again and again sends a few in a minute.
ENDS = Limit(scope="ends of alerts", times=60, window=timedelta(minutes=1))


class PersonLimit(BaseThrottle):
    """Raises TooManyRequests beyond the view's limit, except for methods in its `never_limited`, like a press."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.method in getattr(view, "never_limited", ()):
            return True
        limit = getattr(view, "read_limit", None) if request.method in SAFE_METHODS else getattr(view, "limit", CHANGES)
        if limit and isinstance(request.user, User):
            rates.spend(limit, *_who(request.user, request.auth), now=clock.now())
        return True


def _who(user: User, auth: Any) -> tuple[str, ...]:
    return (str(user.id), str(auth.id)) if isinstance(auth, Device) else (str(user.id),)
