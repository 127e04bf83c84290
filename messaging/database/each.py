"""Runs steps in turn. The error of a step is logged, and the next step runs, unless the database is out of reach."""

from collections.abc import Callable, Iterable

import structlog

from messaging.database.sql import is_out_of_reach

log = structlog.get_logger(__name__)


def count_each(steps: Iterable[Callable[[], int]], *, failed: str) -> int:
    """Run every step and return the sum of the counts that they return.

    A step that raises counts 0: its error is logged under the event name `failed`. An error that means that the
    database is out of reach is raised, because the other steps would fail too.
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
