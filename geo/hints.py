"""The people with fixes to evaluate, as rows of DueEvaluation. A lost hint costs a second, never an event."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from geo import policy
from messaging.database import clock
from messaging.database.sql import rows

CHANNEL = "alertme_geo"

_TAKE = """
UPDATE geo_dueevaluation SET hinted_at = %(now)s
WHERE person_id IN (
    SELECT person_id FROM geo_dueevaluation WHERE hinted_at IS NULL
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING person_id
"""

# People whose last try is longest ago come first. So a person whose evaluation always fails holds nobody up.
_NEGLECTED = """
UPDATE geo_dueevaluation SET hinted_at = %(now)s
WHERE person_id IN (
    SELECT person_id FROM geo_dueevaluation WHERE hinted_at <= %(neglected)s
    ORDER BY hinted_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING person_id
"""


@transaction.atomic
def take_due() -> list[list[str]]:
    """Take the people about whom no hint was published yet; return their ids, one list for each broker message.

    Each person is returned to only one scheduler.
    """
    now = clock.set_short_timeouts()
    return _split([str(person_id) for (person_id,) in rows(_TAKE, {"now": now, "limit": policy.HINT_BATCH})])


@transaction.atomic
def take_neglected() -> list[UUID]:
    """Take the people whom no worker evaluated within RESCUE_AFTER; return their ids.

    The caller evaluates them, and has RESCUE_AFTER for that until they may be taken again.
    """
    now = clock.set_short_timeouts()
    neglected = {"now": now, "neglected": now - policy.RESCUE_AFTER, "limit": policy.HINT_SIZE}
    return [person_id for (person_id,) in rows(_NEGLECTED, neglected)]


def _split(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + policy.HINT_SIZE]) for start in range(0, len(ids), policy.HINT_SIZE)]
