"""Notices wake the schedulers when a transaction with due work commits. If a notice is lost, the schedulers find the
work by polling.
"""

from messaging.database.sql import rows

CHANNEL = "alertme_outbox"

_NOTIFY = "SELECT pg_notify(%s, '')"


def notify() -> None:
    """Wake the schedulers when the current transaction commits. PostgreSQL folds several calls into one notice."""
    rows(_NOTIFY, [CHANNEL])
