"""Runs steps in turn; a step that fails is logged and does not stop the rest."""

from collections.abc import Callable, Iterable

import structlog

from messaging.database.sql import is_out_of_reach

log = structlog.get_logger(__name__)


def count_each(steps: Iterable[Callable[[], int]], *, failed: str) -> int:
    """Run every step and return the sum of the counts that they return.

    An error is logged under the event name `failed`. If the database is out of reach, the other steps would fail too,
    so that error is raised.
    """
    moved = 0
    for step in steps:
        try:
            moved += step()
        except Exception as error:
            if is_out_of_reach(error):
                raise
            log.exception(failed)
    return moved
