"""One after the other: what one of them fails at keeps no other waiting."""

from collections.abc import Callable, Iterable

import structlog

from messaging.database.sql import is_out_of_reach

log = structlog.get_logger(__name__)


def count_each(steps: Iterable[Callable[[], int]], *, failed: str) -> int:
    """Take every step and return the sum of what they say they moved; one that raises is logged as `failed`. Without
    the database no other step would do better: then the error is raised."""
    moved = 0
    for step in steps:
        try:
            moved += step()
        except Exception as error:
            if is_out_of_reach(error):
                raise
            log.exception(failed)
    return moved
