"""Commits that wait for the disk and for the standby, and commits that do not (synchronous_commit of PostgreSQL)."""

import pytest
from django.db import transaction

from messaging.database.sql import rows
from messaging.delivery.claims import claim
from messaging.models import Deliverer
from messaging.states import State
from tests.messaging.engine import granted_ids, set_pace, standing


def _is_awaited() -> bool:
    [(setting,)] = rows("SHOW synchronous_commit")
    return bool(setting == "on")


@pytest.mark.django_db(transaction=True)
def test_a_claim_waits_for_the_disk_and_a_grant_does_not() -> None:
    """A message reaches the provider only when its claim is on the disk, with the grant before it."""
    set_pace(10)
    standing(State.QUEUED)
    with transaction.atomic():
        ids = granted_ids()
        assert not _is_awaited()
    with transaction.atomic():
        assert claim(ids, by=Deliverer.WORKER)
        assert _is_awaited()
