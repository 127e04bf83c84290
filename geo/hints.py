"""Takes the people who have fixes to evaluate, from rows of DueEvaluation, for hints to workers. If a hint is lost, a
scheduler evaluates after RESCUE_AFTER (1 s): no event is lost.
"""

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
    """Take at most HINT_BATCH people for whom no hint was published yet, and note the time in `hinted_at`.

    Returns their ids, in one list of at most HINT_SIZE for each broker message. Two schedulers never get the same
    person.
    """
    now = clock.set_short_timeouts()
    return _split([str(person_id) for (person_id,) in rows(_TAKE, {"now": now, "limit": policy.HINT_BATCH})])


@transaction.atomic
def take_neglected() -> list[UUID]:
    """Take at most HINT_SIZE people whose hint is older than RESCUE_AFTER and whose fixes are still due; return their
    ids.

    The caller evaluates them. After another RESCUE_AFTER they may be taken again.
    """
    now = clock.set_short_timeouts()
    neglected = {"now": now, "neglected": now - policy.RESCUE_AFTER, "limit": policy.HINT_SIZE}
    return [person_id for (person_id,) in rows(_NEGLECTED, neglected)]


def _split(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + policy.HINT_SIZE]) for start in range(0, len(ids), policy.HINT_SIZE)]
