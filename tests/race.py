"""Races on real connections: every call has a thread and a connection of its own, and all begin at one moment."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction

_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND clock_timestamp() - query_start >= %s * interval '1 s'
"""


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Returns for each call its value, or the exception it raised. Takes fewer calls than the pool has connections."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=10)
            return call()
        except Exception as error:  # noqa: BLE001 the test asserts on it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@contextmanager
def held_up(call: Callable[[], Any], *, for_s: float = 0, rolls_back: bool = False) -> Iterator[Future[Any]]:
    """Run the block in a transaction, and at its end start the call on another connection.

    Once the call has waited for the locks of the block for `for_s` seconds, the block commits or rolls back. Yields the
    future value of the call.
    """
    with ThreadPoolExecutor(1) as pool:
        answer: Future[Any] = Future()
        with transaction.atomic():
            yield answer
            running = pool.submit(_closing, call)
            _wait_for_a_waiter(for_s)
            transaction.set_rollback(rolls_back)
        answer.set_result(running.result(timeout=10))


def _closing(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        connection.close()


def _wait_for_a_waiter(for_s: float) -> None:
    with connection.cursor() as cursor:
        for _ in range(20_000):
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(_WAITING, [for_s])
            if cursor.fetchone() != (0,):
                return
    pytest.fail("nobody waited")
