"""Which failures a database that is away explains, and which not."""

import time

import pytest
from django.db import DataError, Error, connection, transaction

from messaging.database.sql import is_out_of_reach, rows


@transaction.atomic
def _do_nothing_for_too_long() -> None:
    rows("SELECT set_config('idle_in_transaction_session_timeout', '50ms', true)")
    time.sleep(0.5)
    rows("SELECT 1")


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_was_kept_from_running_met_no_fault() -> None:
    """What an overloaded machine does to a process for a second."""
    with pytest.raises(Error) as caught:
        _do_nothing_for_too_long()
    connection.close()
    assert is_out_of_reach(caught.value)


@pytest.mark.django_db
def test_a_server_that_takes_no_writes_is_away() -> None:
    """A proxy, or a single host's name, still leads to the primary of before the switch-over."""
    with transaction.atomic():
        rows("SET LOCAL transaction_read_only = on")
        with pytest.raises(Error) as caught:
            rows("CREATE TABLE refused ()")
        transaction.set_rollback(True)
    assert is_out_of_reach(caught.value)


@pytest.mark.django_db
def test_a_statement_that_is_wrong_stays_wrong() -> None:
    with pytest.raises(DataError) as caught, transaction.atomic():
        rows("SELECT 1 / 0")
    assert not is_out_of_reach(caught.value)
    assert not is_out_of_reach(ValueError())
