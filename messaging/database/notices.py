"""Notices wake the schedulers when a transaction with due work commits. After a lost notice they find it by polling."""

from messaging.database.sql import rows

CHANNEL = "alertme_outbox"

_NOTIFY = "SELECT pg_notify(%s, '')"


def notify() -> None:
    """Wake the schedulers when the current transaction commits; PostgreSQL folds repeats into one notice."""
    rows(_NOTIFY, [CHANNEL])
