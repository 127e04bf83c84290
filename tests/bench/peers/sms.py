"""The work of both peers for one message, as in an application that must know the outcome.

The row is committed before the task is published. The task reads the row, makes one create request with Twilio's SDK as
its documentation shows, and writes the answer down.
"""

import os
from functools import cache
from typing import Any

from psycopg_pool import ConnectionPool
from requests.adapters import HTTPAdapter
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

# The pace that the peer has to keep, in messages a second; 0 for none.
PACE = int(os.environ.get("BENCH_PACE", "0"))
# Workers among which the pace is divided.
WORKERS = int(os.environ.get("BENCH_WORKERS", "1"))
# Names of this run, so that no task of an earlier run is found.
ROUTINE, EMERGENCY = (f"{os.environ.get('BENCH_RUN', '')}-{name}" for name in ("messages", "emergency"))
TIMEOUT_S = 13
# Connections to PostgreSQL in one process.
POOLED = 8
TABLE = """
CREATE TABLE IF NOT EXISTS bench_message
    (id bigserial PRIMARY KEY, address text NOT NULL, body text NOT NULL, state text NOT NULL, sid text)
"""


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's client on `requests`, with a connection for each thread."""

    def __init__(self) -> None:
        super().__init__(timeout=TIMEOUT_S)
        self.session.mount("http://", HTTPAdapter(pool_maxsize=100))

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        url = url.replace("https://api.twilio.com", os.environ["TWILIO_API_BASE_URL"], 1)
        return super().request(method, url, *args, **kwargs)


@cache
def client() -> Client:
    account, token = os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"]
    return Client(account, token, http_client=_HttpClient())


@cache
def database() -> ConnectionPool:
    """The pool of this process, made at its first use and so never shared over a fork."""
    return ConnectionPool(os.environ["BENCH_DATABASE"], min_size=POOLED, kwargs={"autocommit": True}, open=True)


def record(numbers: list[str], body: str) -> list[int]:
    """Commit a row for each number; returns their ids."""
    with database().connection() as connection:
        found = connection.execute(
            "INSERT INTO bench_message (address, body, state)"
            " SELECT address, %s, 'queued' FROM unnest(%s::text[]) AS address RETURNING id",
            [body, numbers],
        )
        return [message_id for (message_id,) in found]


def send(message_id: int) -> None:
    """Send the message of a row. Does nothing if it was sent: a task may come twice."""
    with database().connection() as connection:
        query = "SELECT address, body FROM bench_message WHERE id = %s AND state = 'queued'"
        row = connection.execute(query, [message_id]).fetchone()
    if row is None:
        return
    to, body = row
    created = client().messages.create(to=to, from_=os.environ["TWILIO_PHONE_NUMBER"], body=body)
    with database().connection() as connection:
        connection.execute(
            "UPDATE bench_message SET state = 'accepted', sid = %s WHERE id = %s", [created.sid, message_id]
        )
