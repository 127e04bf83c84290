from uuid import UUID

import dramatiq

from geo import evaluation


@dramatiq.actor(queue_name="geo", max_retries=3, min_backoff=100, max_backoff=2_000)
def evaluate_fixes(person_ids: list[str]) -> None:
    """Evaluate the fixes of these people that are not evaluated yet: store zone events and text contacts.

    A second run finds no fixes left, so it texts nobody again.
    """
    evaluation.evaluate(UUID(person_id) for person_id in person_ids)
