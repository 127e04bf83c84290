"""Failures that a database out of reach explains, and failures that it does not."""

import pytest
from django.db import DataError, Error, connection, transaction

from deploy.local.processes import is_alive, wait_until
from messaging.database.sql import is_out_of_reach, rows


@transaction.atomic
def _be_idle_for_too_long() -> None:
    """Do nothing until PostgreSQL has ended the session, and then go on."""
    [(backend, _)] = rows("SELECT pg_backend_pid(), set_config('idle_in_transaction_session_timeout', '1ms', true)")
    assert wait_until(lambda: not is_alive(backend), timeout_s=10, every_s=0.01)
    rows("SELECT 1")


@pytest.mark.django_db(transaction=True)
def test_the_database_is_away_when_it_ended_an_idle_transaction() -> None:
    """An overloaded machine may keep a process from running for longer than a transaction may be idle."""
    with pytest.raises(Error) as caught:
        _be_idle_for_too_long()
    connection.close()
    assert is_out_of_reach(caught.value)


@pytest.mark.django_db
def test_a_server_that_takes_no_writes_is_away() -> None:
    """After a switch-over a proxy or a host's name may still lead to the old primary."""
    with transaction.atomic():
        rows("SET LOCAL transaction_read_only = on")
        with pytest.raises(Error) as caught:
            rows("CREATE TABLE refused ()")
        transaction.set_rollback(True)
    assert is_out_of_reach(caught.value)


@pytest.mark.django_db
def test_a_wrong_statement_is_no_sign_of_a_database_that_is_away() -> None:
    with pytest.raises(DataError) as caught, transaction.atomic():
        rows("SELECT 1 / 0")
    assert not is_out_of_reach(caught.value)
    assert not is_out_of_reach(ValueError())
