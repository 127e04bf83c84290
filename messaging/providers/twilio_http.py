"""What every API of Twilio has in common: the SDK's asynchronous client, deadlines, and how errors are read."""

import asyncio
import json
import math
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

import aiohttp
import structlog
from aiohttp.abc import AbstractStreamWriter
from django.conf import settings
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from messaging import policy
from messaging.providers import Kind, LookUpFailed, Outcome, Scope

log = structlog.get_logger(__name__)
T = TypeVar("T")

# Codes of the account and of the API itself. https://www.twilio.com/docs/api/errors
CODES = {
    **dict.fromkeys(("20003", "20404"), Kind.CONFIGURATION),
    **dict.fromkeys(("20429", "20500", "20503"), Kind.TRANSIENT),
}

SCOPES = dict.fromkeys(("20003", "20404"), Scope.SENDER)

# Twilio's dates have whole seconds and its clock is not ours: a resource may seem this much older than its request.
CLOCK_ALLOWANCE = timedelta(seconds=10)
_API = "https://api.twilio.com"

# `time.monotonic()` by which the request of this task must be written; look-ups have no limit.
_write_by: ContextVar[float] = ContextVar("write_by", default=math.inf)

# A form: a name with several values has a list of them.
Fields = Mapping[str, str | int | list[str]]
# What an error code asks of the engine.
Judge = Callable[[str], Outcome]
# The outcome that (status, error code, id) of a resource stand for.
Reader = Callable[[str, object, str], Outcome]


class _TooLate(Exception):
    """The process was frozen before it wrote the request: what it holds may have been sent by others since."""


class _PunctualRequest(aiohttp.ClientRequest):
    """Looks at the clock at the last moment: a process that wakes goes on exactly where it stood.

    Head and body leave together, in `write_bytes`, which runs in a task of its own after `send` has returned.
    """

    async def write_bytes(self, writer: AbstractStreamWriter, conn: Any, content_length: int | None = None) -> None:
        if time.monotonic() > _write_by.get():
            # Whoever waits for the reply gets it, and closes the connection.
            conn.protocol.set_exception(_TooLate())
            return
        await super().write_bytes(writer, conn, content_length)


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]
    """The SDK's asynchronous client with a connection for each call: how many there are is the courier's affair,
    sender by sender, and a limit here would let one whose calls hang keep the others waiting. Deadlines are the
    caller's: the SDK ignores its constructor's `timeout` and hands None to every request, which means no limit."""

    def __init__(self, base_url: str) -> None:
        super().__init__(pool_connections=False)
        self.base_url = base_url
        credentials = f"{settings.TWILIO_ACCOUNT_SID}:{settings.TWILIO_AUTH_TOKEN}".encode()
        self._authorization = {"Authorization": f"Basic {b64encode(credentials).decode()}"}
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            request_class=_PunctualRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def request(self, method: str, url: str, **kwargs: Any) -> Response:
        url = url.replace(_API, self.base_url, 1)
        data = kwargs.get("data")
        async with self.session.request(
            method,
            url,
            params=kwargs.get("params"),
            data=_form(data) if data else None,
            headers=kwargs["headers"] | self._authorization,
            allow_redirects=False,
        ) as reply:
            return Response(reply.status, await reply.text("utf-8", "replace"), reply.headers)


def _form(fields: Fields) -> aiohttp.BytesPayload:
    """A form is written like a query string, and yarl writes one three times as fast as aiohttp's own forms do: of
    the processor time a message costs that is a tenth."""
    encoded = URL.build(query=fields).raw_query_string.encode()
    return aiohttp.BytesPayload(encoded, content_type="application/x-www-form-urlencoded")


def client() -> tuple[Client, _HttpClient]:
    """The SDK's client and the session under it, which the caller closes; belongs to the running event loop."""
    http = _HttpClient(settings.TWILIO_API_BASE_URL)
    return Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=http), http


async def create(
    client: Client, resource: str, fields: Fields, *, timeout_s: float, judge: Judge, read: Reader
) -> Outcome:
    """Create a resource of the account ("Messages", "Calls") within the deadline. Never raises."""
    url = f"{_API}/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/{resource}.json"
    _write_by.set(time.monotonic() + timeout_s - policy.SHORTEST_ATTEMPT.total_seconds())
    try:
        async with asyncio.timeout(timeout_s):
            # Not the resource's `create_async`: what it makes of a reply, dates and all, doubles the SDK's cost.
            reply = await client.request_async("POST", url, data=fields)
    except _TooLate:
        return Outcome(kind=Kind.TRANSIENT, code="slot_missed", retry_after_s=0)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        # No connection, so no request: certainly not created.
        return Outcome(kind=Kind.TRANSIENT, code=type(error).__name__)
    except Exception as error:  # noqa: BLE001 whatever broke, the request may have left
        return Outcome(kind=Kind.UNKNOWN, code=type(error).__name__)
    return _answered(reply, judge, read)


async def look_up(request: Callable[[], Awaitable[T]]) -> T:
    """Ask within the look-ups' deadline. Raises LookUpFailed."""
    try:
        async with asyncio.timeout(policy.LOOK_UP_DEADLINE.total_seconds()):
            return await request()
    except Exception as error:
        raise LookUpFailed(type(error).__name__) from error


async def look_up_one(request: Callable[[], Awaitable[T]]) -> T | None:
    """The same for one resource; None when there is none by this id."""
    try:
        return await look_up(request)
    except LookUpFailed as failure:
        if isinstance(failure.__cause__, TwilioRestException) and failure.__cause__.status == 404:
            return None
        raise


def error_code(code: object) -> str:
    """A resource's error code as text, empty when it has none."""
    return "" if code in (None, "", 0, "0") else str(code)


def _answered(reply: Response, judge: Judge, read: Reader) -> Outcome:
    """What a reply to a create says. A 429 was never processed; after a 5xx the resource may exist all the same."""
    try:
        body = json.loads(reply.text)
    except (ValueError, RecursionError):
        body = None
    answer: dict[str, Any] = body if isinstance(body, dict) else {}
    if 200 <= reply.status_code < 300:
        sid = answer.get("sid")
        if not isinstance(sid, str) or not sid:
            return Outcome(kind=Kind.UNKNOWN, code="reply_without_sid")
        return read(str(answer.get("status")), answer.get("error_code"), sid)
    # Without a code it is not Twilio that answers but what stands before it, while Twilio may still be at it.
    code = str(answer.get("code") or f"http_{reply.status_code}")
    outcome = judge(code)
    # The daily limit is a 429 too, and no matter of seconds.
    if reply.status_code == 429 and outcome.kind is not Kind.QUOTA:
        return Outcome(kind=Kind.TRANSIENT, code=code, retry_after_s=_asked_to_wait(reply))
    if reply.status_code >= 500 or reply.status_code < 200:
        return Outcome(kind=Kind.UNKNOWN, code=code)
    if outcome.kind is Kind.UNRECOGNISED:
        log.error("provider_code_unrecognised", code=code, status=reply.status_code)
    return outcome


def _asked_to_wait(reply: Response) -> float | None:
    try:
        asked = float(reply.headers.get("Retry-After", ""))
    except ValueError:
        return None
    # "At once" would be again and again.
    return min(asked, 60.0) if math.isfinite(asked) and asked > 0 else None
