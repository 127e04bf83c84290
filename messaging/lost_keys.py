"""Checks that DATA_KEYS can decrypt the stored rows: without their keys no SOS reaches a contact.

The check reads the oldest and the newest row of each table with encrypted columns. If one of these rows cannot be
decrypted, `manage.py migrate` refuses to begin and an operator alarm is raised.
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
    """Names of the tables whose oldest or newest row cannot be decrypted.

    A table or column that does not exist yet, because its migration has not run, counts as readable.
    """
    return [table.name for group in rotation.groups() for table in group if not _is_readable(table)]


def check(**_: Any) -> list[CheckMessage]:
    """A Django system check that `manage.py migrate` runs first. Returns one Error that names the unreadable tables.

    Returns an empty list if all tables are readable, or if the database is out of reach.
    """
    try:
        lost = tables_without_keys()
    except OperationalError:
        return []  # Migrating says better why the database cannot be reached.
    hint = "Give the keys with which the rows were written. Without them no SOS reaches a contact."
    return (
        [Error(f"DATA_KEYS cannot read the rows of {', '.join(lost)}.", hint=hint, id="messaging.E001")] if lost else []
    )


def raise_alarm(*, now: datetime) -> int:
    """Raise the operator alarm `data_unreadable` for each table of `tables_without_keys`; returns their number."""
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
