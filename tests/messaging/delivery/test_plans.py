"""Statements that run many times a second stay index scans, however many messages were sent or wait."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from messaging import policy
from messaging.database.sql import rows
from messaging.delivery import claims, sweeping
from messaging.delivery.courier import Courier
from messaging.encryption import encrypt
from messaging.models import Deliverer, Sender
from messaging.reports import settling, watching
from tests.messaging.engine import granted_ids, set_pace

FINISHED, QUEUED = 100_000, 10_000


def _years_of_messages(sender: Sender) -> None:
    rows(
        "INSERT INTO messaging_message (channel, address, text, segments, message_class, rank, sender_id, state,"
        " due_at, deadline_at, attempts, error_code, queued_at, final_at)"
        " SELECT 'sms', '+99670' || lpad(n::text, 7, '0'), CASE WHEN n > %(finished)s THEN %(text)s END, 1, 3, 0,"
        " %(sender)s, CASE WHEN n > %(finished)s THEN 'queued' ELSE 'delivered' END, now(),"
        " now() + interval '1 day', (n <= %(finished)s)::int, '', now(), CASE WHEN n <= %(finished)s THEN now() END"
        " FROM generate_series(1, %(finished)s + %(queued)s) AS n",
        {"finished": FINISHED, "queued": QUEUED, "text": encrypt("The weekly letter"), "sender": sender.id},
    )
    rows(
        "INSERT INTO messaging_attempt (id, message_id, sender_id, number, by, outcome, provider_id, error_code,"
        " started_at, deadline_at) SELECT gen_random_uuid(), id, sender_id, 1, 'worker', 'delivered',"
        " 'SM' || md5(id::text), '', now(), now()"
        " FROM messaging_message WHERE state = 'delivered'"
    )
    rows("ANALYZE messaging_message, messaging_attempt, messaging_sender")


def _statements(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        work()
    found = [query["sql"].strip() for query in captured.captured_queries]
    return [s for s in found if re.match(r"(SELECT|UPDATE|WITH|INSERT)\b", s) and "messaging_" in s]


def _rows_read(statement: str) -> int:
    """The most rows of messages or attempts that one node of PostgreSQL's plan reads, discarded rows included."""
    with transaction.atomic():
        [(plan,)] = rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")[0]
        transaction.set_rollback(True)
    return max((_read_by(node) for node in _nodes(plan["Plan"])), default=0)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node.get("Relation Name") in ("messaging_message", "messaging_attempt"):
        yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def _read_by(node: dict[str, Any]) -> int:
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int(each * node["Actual Loops"])


def _grant_unpaced_and_claim() -> None:
    set_pace(0)
    _grant_and_claim()


def _grant_and_claim() -> None:
    claims.claim(granted_ids(), by=Deliverer.WORKER)


def test_no_pass_reads_more_than_it_moves(courier: Courier) -> None:
    sender = set_pace(100)
    _years_of_messages(sender)
    passes: dict[str, Callable[[], object]] = {
        "grant at a pace": _grant_and_claim,
        "sweep": sweeping.sweep,
        "overdue": sweeping.overdue,
        "settle": lambda: (settling.senders_in_doubt(), settling.settle(courier, sender.id)),
        "watch": lambda: (watching.senders_to_watch(), watching.watch(courier, sender.id)),
        "grant unpaced": _grant_unpaced_and_claim,
    }
    statements = {name: _statements(work) for name, work in passes.items()}
    assert all(statements.values())
    read = {(name, s): _rows_read(s) for name, found in statements.items() for s in found}
    assert max(read.values()) > 0
    assert not {key: count for key, count in read.items() if count > policy.GRANT_BATCH}
