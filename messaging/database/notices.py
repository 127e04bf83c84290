"""Sends the notice (PostgreSQL's NOTIFY) that wakes the schedulers when a transaction with messages to send commits.

If a notice is lost, the schedulers find the messages within 0.5 s by polling.
"""

from messaging.database.sql import rows

CHANNEL = "alertme_outbox"

_NOTIFY = "SELECT pg_notify(%s, '')"


def notify() -> None:
    """Wake the schedulers when the current transaction commits. Several calls in one transaction send one notice."""
    rows(_NOTIFY, [CHANNEL])
