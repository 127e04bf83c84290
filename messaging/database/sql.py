"""Executes statements that the ORM cannot express, and tells lost connections from other database errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import InterfaceError, InternalError, OperationalError, connection

# Errors that pass by themselves, although Django raises InternalError for them.
_PASSING = psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.ReadOnlySqlTransaction


def rows(statement: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Execute one statement on Django's connection; returns its rows, or an empty list if it returns no rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def is_out_of_reach(error: BaseException) -> bool:
    """Whether the database or the connection was gone, so that the same statement may succeed later.

    Django raises InternalError for two of these cases. PostgreSQL ends the connection of a process that froze in a
    transaction (clock.IDLE_LIMIT). A server that takes no writes refuses the statement: after a switch-over a proxy
    may still lead to the old server.
    """
    if isinstance(error, InternalError):
        return isinstance(error.__cause__, _PASSING)
    return isinstance(error, OperationalError | InterfaceError)
