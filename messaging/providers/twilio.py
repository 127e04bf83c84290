"""Twilio's Programmable Messaging through its SDK: builds the request, reads the reply, maps its codes."""

import asyncio
import json
import math
import time
from base64 import b64encode
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import structlog
from django.conf import settings
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from messaging import policy
from messaging.providers import Call, Kind, LookUpFailed, Outcome
from messaging.states import State

log = structlog.get_logger(__name__)

# https://www.twilio.com/docs/api/errors
CODES = {
    **dict.fromkeys(("21211", "21610", "21614", "21635", "30004", "30005", "30006"), Kind.RECIPIENT),
    **dict.fromkeys(
        (
            "20003",
            "20404",
            "21408",
            "21602",
            "21603",
            "21606",
            "21608",
            "21612",
            "21617",
            "30007",
            "30034",
            "30450",
        ),
        Kind.CONFIGURATION,
    ),
    **dict.fromkeys(("20429", "20500", "20503", "21611", "30001", "30002", "30003", "30008", "30410"), Kind.TRANSIENT),
    "63038": Kind.QUOTA,
}

STATUSES = {
    "accepted": State.ACCEPTED,
    "scheduled": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.ACCEPTED,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}

# Twilio's dates have whole seconds and its clock is not ours: a message may seem this much older than its request.
_CLOCK_ALLOWANCE = timedelta(seconds=10)


def kind_of(code: str) -> Kind:
    return CODES.get(code, Kind.UNRECOGNISED)


# `time.monotonic()` by which the request of this task must be written; look-ups have no limit.
_write_by: ContextVar[float] = ContextVar("write_by", default=math.inf)


class _TooLate(Exception):
    """The process was frozen before it wrote the request: what it holds may have been sent by others since."""


class _PunctualRequest(aiohttp.ClientRequest):
    """Looks at the clock at the last moment: a process that wakes goes on exactly where it stood."""

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        if time.monotonic() > _write_by.get():
            conn.close()
            raise _TooLate
        return await super().send(conn)


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
        url = url.replace("https://api.twilio.com", self.base_url, 1)
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


def _form(fields: dict[str, str | int]) -> aiohttp.BytesPayload:
    """A form is written like a query string, and yarl writes one three times as fast as aiohttp's own forms do: of
    the processor time a message costs that is a tenth."""
    encoded = URL.build(query=fields).raw_query_string.encode()
    return aiohttp.BytesPayload(encoded, content_type="application/x-www-form-urlencoded")


class TwilioProvider:
    """Lives in one event loop: make it there."""

    def __init__(self) -> None:
        self._http = _HttpClient(settings.TWILIO_API_BASE_URL)
        client = Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=self._http)
        # Resolved once: the SDK imports and builds it lazily, at a cost to the first message.
        self._messages = client.messages
        self._client = client
        self._create_url = f"https://api.twilio.com/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/Messages.json"

    async def send(self, call: Call) -> Outcome:
        _write_by.set(time.monotonic() + call.timeout_s - policy.SHORTEST_CALL.total_seconds())
        try:
            async with asyncio.timeout(call.timeout_s):
                # Not `messages.create_async`: what it makes of a reply, dates and all, doubles the SDK's cost.
                reply = await self._client.request_async("POST", self._create_url, data=_fields(call))
        except _TooLate:
            return Outcome(kind=Kind.TRANSIENT, code="slot_missed", retry_after_s=0)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # No connection, so no request: certainly not created.
            return Outcome(kind=Kind.TRANSIENT, code=type(error).__name__)
        except Exception as error:  # noqa: BLE001 whatever broke, the request may have left
            return Outcome(kind=Kind.UNKNOWN, code=type(error).__name__)
        return _answered(reply)

    async def find(self, *, address: str, text: str, since: datetime, known: set[str]) -> Outcome | None:
        try:
            async with asyncio.timeout(policy.LOOK_UP_DEADLINE.total_seconds()):
                # DateSent filters by day and only what was sent: the newest of this address suffice.
                messages = await self._messages.list_async(to=address, limit=200, page_size=200)
        except Exception as error:
            raise LookUpFailed(type(error).__name__) from error
        for message in messages:
            created: datetime = message.date_created or datetime.now(UTC)
            ours = _shows(message.body, text) and created >= since - _CLOCK_ALLOWANCE
            if ours and message.sid not in known:
                return reported(str(message.status), code=message.error_code, provider_id=str(message.sid))
        return None

    async def fetch(self, provider_id: str) -> Outcome | None:
        try:
            async with asyncio.timeout(policy.LOOK_UP_DEADLINE.total_seconds()):
                message = await self._messages(provider_id).fetch_async()
        except TwilioRestException as error:
            if error.status == 404:
                return None
            raise LookUpFailed(type(error).__name__) from error
        except Exception as error:
            raise LookUpFailed(type(error).__name__) from error
        return reported(str(message.status), code=message.error_code, provider_id=provider_id)

    async def close(self) -> None:
        await self._http.close()


def _shows(body: object, text: str) -> bool:
    """Whether a listed body is our text: a trial account's has words of Twilio's before it, and blanks may differ."""
    return " ".join(str(body).split()).endswith(" ".join(text.split()))


def callback_url(attempt_id: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/api/v1/webhooks/twilio/status/{attempt_id}/"


def reported(status: str, *, code: object, provider_id: str) -> Outcome:
    """The outcome a message's status stands for, in a reply, a callback or a look-up."""
    state = STATUSES.get(status, State.ACCEPTED)
    error = "" if code in (None, "", 0, "0") else str(code)
    if status == "canceled":
        # By somebody at the provider's console: not ours to send again.
        return Outcome(kind=Kind.RECIPIENT, code=status, provider_id=provider_id, state=state)
    if state in (State.UNDELIVERED, State.FAILED):
        return Outcome(kind=kind_of(error), code=error or status, provider_id=provider_id, state=state)
    return Outcome(kind=Kind.ACCEPTED, code=error, provider_id=provider_id, state=state)


def _fields(call: Call) -> dict[str, str | int]:
    service = call.messaging_service_sid
    return {
        "To": call.address,
        "Body": call.text,
        "StatusCallback": callback_url(str(call.attempt_id)),
        "ValidityPeriod": min(max(call.validity_s, 1), 36_000),
        "MessagingServiceSid" if service else "From": service or call.origin,
    }


def _answered(reply: Response) -> Outcome:
    """What a reply to a create says. A 429 was never processed; after a 5xx the message may exist all the same."""
    try:
        body = json.loads(reply.text)
    except ValueError:
        body = None
    answer: dict[str, Any] = body if isinstance(body, dict) else {}
    if 200 <= reply.status_code < 300:
        sid = answer.get("sid")
        if not isinstance(sid, str) or not sid:
            return Outcome(kind=Kind.UNKNOWN, code="reply_without_sid")
        return reported(str(answer.get("status")), code=answer.get("error_code"), provider_id=sid)
    code = str(answer.get("code") or reply.status_code)
    kind = kind_of(code)
    # The daily limit is a 429 too, and no matter of seconds.
    if reply.status_code == 429 and kind is not Kind.QUOTA:
        return Outcome(kind=Kind.TRANSIENT, code=code, retry_after_s=_asked_to_wait(reply))
    if reply.status_code >= 500 or reply.status_code < 200:
        return Outcome(kind=Kind.UNKNOWN, code=code)
    if kind is Kind.UNRECOGNISED:
        log.error("provider_code_unrecognised", code=code, status=reply.status_code)
    return Outcome(kind=kind, code=code)


def _asked_to_wait(reply: Response) -> float | None:
    try:
        asked = float(reply.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(max(asked, 0.0), 60.0) if math.isfinite(asked) else None
