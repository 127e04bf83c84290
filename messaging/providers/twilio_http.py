"""HTTP to Twilio, the same for messages and calls: the SDK's asynchronous client, its deadlines, its responses."""

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
from messaging.providers import NOT_SENT, Kind, LookUpFailed, Outcome
from messaging.providers.twilio_resource import Resource

log = structlog.get_logger(__name__)
T = TypeVar("T")

# Twilio's dates have whole seconds and its clock is not ours: a resource may seem this much older than its request.
CLOCK_ALLOWANCE = timedelta(seconds=10)
_API = "https://api.twilio.com"

# `time.monotonic()` by which the request of this task must be written; look-ups have no limit.
_write_by: ContextVar[float] = ContextVar("write_by", default=math.inf)

# A form: a name with several values has a list of them.
Fields = Mapping[str, str | int | list[str]]


class _TooLate(Exception):
    """The deadline passed before the request was written: the process was frozen.

    Another process may have sent the message.
    """


class _PunctualRequest(aiohttp.ClientRequest):
    """A request that checks its deadline just before it is written, and is not written after it (_TooLate).

    A process that wakes from a freeze goes on where it stood, so an earlier check is not enough. Head and body are
    written together by `write_bytes`, which runs in a task of its own after `send` has returned.
    """

    async def write_bytes(self, writer: AbstractStreamWriter, conn: Any, content_length: int | None = None) -> None:
        if time.monotonic() > _write_by.get():
            # The caller that waits for the response gets this exception and closes the connection.
            conn.protocol.set_exception(_TooLate())
            return
        await super().write_bytes(writer, conn, content_length)


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]
    """The SDK's asynchronous client, with a connection for each request under way and no limit on their number.

    The courier limits the requests of each sender. A limit here would let one sender whose requests hang delay others.
    The caller sets the deadline of each request: the SDK ignores its constructor's `timeout` and sets no limit.
    """

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
    """The fields as a form, written by yarl like a query string.

    Yarl is three times as fast as aiohttp's own forms, which saves a tenth of the processor time of a message.
    """
    encoded = URL.build(query=fields).raw_query_string.encode()
    return aiohttp.BytesPayload(encoded, content_type="application/x-www-form-urlencoded")


def client() -> tuple[Client, _HttpClient]:
    """The SDK's client and the session under it, which the caller closes. Both belong to the running event loop."""
    http = _HttpClient(settings.TWILIO_API_BASE_URL)
    return Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=http), http


async def create(client: Client, resource: Resource, fields: Fields, *, timeout_s: float) -> Outcome:
    """Create a resource (a message or a call) of the account within `timeout_s`; return the outcome. Never raises.

    The request is not written later than SHORTEST_ATTEMPT before the end of `timeout_s`. The outcome is then NOT_SENT.
    """
    url = f"{_API}/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/{resource.noun}s.json"
    _write_by.set(time.monotonic() + timeout_s - policy.SHORTEST_ATTEMPT.total_seconds())
    try:
        async with asyncio.timeout(timeout_s):
            # The resource's own `create_async` doubles the SDK's cost by parsing the whole response.
            response = await client.request_async("POST", url, data=fields)
    except _TooLate:
        return NOT_SENT
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        # No connection, so no request: the resource was certainly not created.
        return Outcome(kind=Kind.TRANSIENT, code=type(error).__name__)
    except Exception as error:  # noqa: BLE001 whatever broke, the request may have left
        return Outcome(kind=Kind.UNKNOWN, code=type(error).__name__)
    return _read(response, resource)


async def look_up(request: Callable[[], Awaitable[T]]) -> T:
    """Await the look-up that `request` begins, at most LOOK_UP_DEADLINE; return its result.

    Raises LookUpFailed after that time and for every error.
    """
    try:
        async with asyncio.timeout(policy.LOOK_UP_DEADLINE.total_seconds()):
            return await request()
    except Exception as error:
        raise LookUpFailed(type(error).__name__) from error


async def look_up_one(request: Callable[[], Awaitable[T]]) -> T | None:
    """Await the look-up of one resource by its id; return its result, or None if Twilio has no resource with this id.

    Raises LookUpFailed after LOOK_UP_DEADLINE and for every error but Twilio's 404.
    """
    try:
        return await look_up(request)
    except LookUpFailed as failure:
        if isinstance(failure.__cause__, TwilioRestException) and failure.__cause__.status == 404:
            return None
        raise


def _read(response: Response, resource: Resource) -> Outcome:
    """The outcome of a create request, from its response.

    Twilio never processed a request with response 429; after a 5xx the resource may exist nonetheless.
    """
    try:
        parsed = json.loads(response.text)
    except (ValueError, RecursionError):
        parsed = None
    body: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    if 200 <= response.status_code < 300:
        sid = body.get("sid")
        if not isinstance(sid, str) or not sid:
            return Outcome(kind=Kind.UNKNOWN, code="reply_without_sid")
        return resource.reported(str(body.get("status")), body.get("error_code"), sid)
    # Without a code the response is a proxy's, while Twilio may still be processing the request.
    code = str(body.get("code") or f"http_{response.status_code}")
    outcome = resource.judged(code)
    # The daily limit is a 429 too, and does not pass within seconds.
    if response.status_code == 429 and outcome.kind is not Kind.QUOTA:
        return Outcome(kind=Kind.TRANSIENT, code=code, retry_after_s=_retry_after_s(response))
    if response.status_code >= 500 or response.status_code < 200:
        return Outcome(kind=Kind.UNKNOWN, code=code)
    if outcome.kind is Kind.UNRECOGNISED:
        log.error("provider_code_unrecognised", code=code, status=response.status_code)
    return outcome


def _retry_after_s(response: Response) -> float | None:
    try:
        asked = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    # Zero would mean to try again without end.
    return min(asked, 60.0) if math.isfinite(asked) and asked > 0 else None
