"""Set-wise statements that the ORM cannot say."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection


def rows(statement: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Execute one statement on the current connection; returns its rows, none for one without."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []
