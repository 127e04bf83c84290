"""Notices wake the schedulers the moment a transaction with due work commits; a lost one costs a poll."""

from messaging.database.sql import rows

CHANNEL = "alertme_outbox"


_NOTIFY = "SELECT pg_notify(%s, '')"


def notify() -> None:
    """Call inside the transaction; PostgreSQL delivers at commit and folds repeats."""
    rows(_NOTIFY, [CHANNEL])
