"""Processes that keep prepared statements go on working while a migration adds columns to their tables."""

import pytest

from messaging.database.sql import rows
from messaging.delivery import claims
from messaging.delivery.outcomes import FinishedAttempt, write_outcomes
from messaging.models import Attempt, Deliverer, Message, MessageEvent, Sender
from messaging.providers import Kind, Outcome
from messaging.states import State
from tests.messaging.engine import granted_ids, queued, set_pace, sms, state_of


def send_one() -> int:
    """Take a message through queue, grant, claim and reply on one connection; returns its id."""
    [message] = queued(sms())
    [mine] = claims.claim(granted_ids(), by=Deliverer.WORKER)
    accepted = Outcome(kind=Kind.ACCEPTED, provider_id=f"SM{message.id}")
    write_outcomes([FinishedAttempt(claim=mine, outcome=accepted)], by=Deliverer.WORKER)
    return message.id


@pytest.mark.django_db(transaction=True)
def test_prepared_statements_survive_a_migration_that_adds_columns() -> None:
    set_pace(0)
    for _ in range(3):
        send_one()
    prepared = "\n".join(row[0] for row in rows("SELECT statement FROM pg_prepared_statements"))
    tables = [model._meta.db_table for model in (Message, Attempt, MessageEvent, Sender)]
    assert all(table in prepared for table in tables)
    for table in tables:
        rows(f"ALTER TABLE {table} ADD COLUMN added integer")
    try:
        assert state_of(send_one()) == State.ACCEPTED
    finally:
        for table in tables:
            rows(f"ALTER TABLE {table} DROP COLUMN added")
    assert state_of(send_one()) == State.ACCEPTED
