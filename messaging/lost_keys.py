"""Finds out whether DATA_KEYS can read what is stored: with another key no contact's number can be read.

The oldest and the newest row of each table are read. `manage.py migrate` refuses to begin, and the schedulers alarm the
operator, when one of them cannot be read.
"""

from datetime import datetime
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import OperationalError, ProgrammingError, transaction

from messaging import rotation
from messaging.database.sql import rows
from messaging.encryption import Unreadable
from messaging.operations.alarms import alarm


def tables_without_keys() -> list[str]:
    """The tables whose oldest or newest row cannot be read. Tables that a migration will make are left out."""
    return [table.name for group in rotation.groups() for table in group if not _is_readable(table)]


def check(**_: Any) -> list[CheckMessage]:
    """A check of Django's that `manage.py migrate` runs."""
    try:
        lost = tables_without_keys()
    except OperationalError:
        return []  # Migrating says better why the database cannot be reached.
    hint = "Give the keys with which the rows were written. Without them no SOS reaches a contact."
    return (
        [Error(f"DATA_KEYS cannot read the rows of {', '.join(lost)}.", hint=hint, id="messaging.E001")] if lost else []
    )


def raise_alarm(*, now: datetime) -> int:
    """Alarm the operator of tables that cannot be read; returns their number."""
    lost = tables_without_keys()
    for table in lost:
        alarm("data_unreadable", now=now, table=table)
    return len(lost)


def _is_readable(table: rotation.Table) -> bool:
    columns, pk = ", ".join(each.column for each in table.columns), table.pk.column
    ends = " UNION ALL ".join(
        f"(SELECT {columns} FROM {table.name} ORDER BY {pk} {order} LIMIT 1)"  # noqa: S608 of names of columns
        for order in ("ASC", "DESC")
    )
    try:
        with transaction.atomic():
            found = rows(ends)
        for row in found:
            for column, value in zip(table.columns, row, strict=True):
                column.under_newest_key(value)
    except ProgrammingError:
        return True
    except Unreadable:
        return False
    return True
