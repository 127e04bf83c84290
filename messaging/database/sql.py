"""Set-wise statements that the ORM cannot say, and what it means when one fails."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import InterfaceError, InternalError, OperationalError, connection

_PASSING = psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.ReadOnlySqlTransaction


def rows(statement: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Execute one statement on the current connection; returns its rows, none for one without."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def is_out_of_reach(error: BaseException) -> bool:
    """Whether a statement failed because the database or the connection was gone: the same one may succeed later.

    Django sorts a transaction that PostgreSQL ended for its idleness (clock.IDLE_LIMIT) with the internal errors:
    its process was kept from running for that long, and the connection is gone with it. So it sorts the
    refusal of a server that takes no writes: after a switch-over a proxy may still lead to one.
    """
    if isinstance(error, InternalError):
        return isinstance(error.__cause__, _PASSING)
    return isinstance(error, OperationalError | InterfaceError)
