"""Posts status callbacks, signed like Twilio's, when they are due: only to this machine and the configured own host.

Source: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status and
https://www.twilio.com/docs/usage/security#validating-requests.
"""

import asyncio
from dataclasses import asdict, dataclass
from ipaddress import ip_address

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

from messaging.sandbox.store import Message

POSTS_AT_ONCE = 64
WAITING_LIMIT = 200_000
# Twilio, too, waits 15 s for a webhook's response.
POST_TIMEOUT_S = 15
# Shorter than the keep-alive of our servers: a post on a connection that the server just closed would be lost.
KEEPALIVE_S = 1
RESPONSE_BYTES = 65_536


@dataclass(slots=True)
class CallbackCounts:
    """Counts of callbacks. `posted`: sent, or tried. `failed`: those of them without a 2xx response.

    `refused`: the URL is neither loopback nor `own_host`. `dropped`: WAITING_LIMIT was reached. `waiting`: the messages
    that still have steps with callbacks.
    """

    posted: int = 0
    failed: int = 0
    refused: int = 0
    dropped: int = 0
    waiting: int = 0


class Callbacks:
    """Posts the callbacks of messages between `start` and `close`. Its methods must be called in one event loop."""

    def __init__(self, *, account_sid: str, auth_token: str, own_host: str | None = None) -> None:
        self._own_host = own_host
        self.account_sid = account_sid
        self._validator = RequestValidator(auth_token)
        self._generation = 0
        self.counts = CallbackCounts()

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.Queue[tuple[Message, str]] = asyncio.Queue(WAITING_LIMIT)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=POSTS_AT_ONCE, keepalive_timeout=KEEPALIVE_S),
            timeout=aiohttp.ClientTimeout(total=POST_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._posters = [asyncio.create_task(self._post_due()) for _ in range(POSTS_AT_ONCE)]

    async def close(self) -> None:
        self.forget()
        for poster in self._posters:
            poster.cancel()
        await asyncio.gather(*self._posters, return_exceptions=True)
        await self._session.close()

    def forget(self) -> None:
        """Drop all callbacks that are not posted yet, and set the counts to zero."""
        self._generation += 1
        self.counts = CallbackCounts()
        while not self._due.empty():
            self._due.get_nowait()

    def as_json(self) -> dict[str, int]:
        return asdict(self.counts)

    def follow(self, message: Message) -> None:
        """Post a callback for every step of the message's plan when the step is due.

        Does nothing if the message or its plan wants no callbacks. Only counts a message with a foreign callback URL,
        and one that comes while WAITING_LIMIT messages wait.
        """
        if not message.callback_url or not message.plan.callbacks:
            return
        if not _is_ours(message.callback_url, self._own_host):
            self.counts.refused += 1
        elif self.counts.waiting >= WAITING_LIMIT:
            self.counts.dropped += 1
        else:
            self.counts.waiting += 1
            self._wait_for_step(message, 0, self._generation)

    def _wait_for_step(self, message: Message, step: int, generation: int) -> None:
        # Only one step of a message waits at a time, so that two steps due at the same instant keep their order.
        due = message.born + message.plan.steps[step][0]
        self._loop.call_at(due, self._step_due, message, step, generation)

    def _step_due(self, message: Message, step: int, generation: int) -> None:
        if generation != self._generation:
            return
        for _ in range(message.plan.copies):
            try:
                self._due.put_nowait((message, message.plan.steps[step][1]))
            except asyncio.QueueFull:
                self.counts.dropped += 1
        if step + 1 < len(message.plan.steps):
            self._wait_for_step(message, step + 1, generation)
        else:
            self.counts.waiting -= 1

    async def _post_due(self) -> None:
        while True:
            message, status = await self._due.get()
            await self.post(message.callback_url, self._params(message, status))

    async def post(self, url: str, params: dict[str, str]) -> bytes | None:
        """Post signed parameters once and count the post; return the response's body, or None if the response is not
        2xx.
        """
        counts = self.counts
        if not _is_ours(url, self._own_host):
            counts.refused += 1
            return None
        try:
            response = await self._post(url, params)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            response = None
        counts.posted += 1
        counts.failed += response is None
        return response

    async def _post(self, url: str, params: dict[str, str]) -> bytes | None:
        async with self._session.post(
            # Not encoded again: the signature covers the exact URL.
            URL(url, encoded=True),
            data=params,
            headers={
                "X-Twilio-Signature": self._validator.compute_signature(url, params),
                "User-Agent": "TwilioProxy/1.1",
            },
            # A redirect could lead away from this machine.
            allow_redirects=False,
        ) as response:
            content = await response.content.read(RESPONSE_BYTES)
            return content if 200 <= response.status < 300 else None

    def _params(self, message: Message, status: str) -> dict[str, str]:
        params = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
        }
        if message.sender:
            params["From"] = message.sender
        if message.service_sid:
            params["MessagingServiceSid"] = message.service_sid
        if status in ("undelivered", "failed"):
            params["ErrorCode"] = str(message.plan.error_code)
        return params


def _is_ours(url: str, own_host: str | None) -> bool:
    """Whether the URL leads to this machine or to `own_host`, the host of the installation that uses the sandbox.

    The parser is that of the HTTP client: otherwise the two could read different hosts in a URL.
    """
    try:
        host = URL(url, encoded=True).host or ""
        return host in ("localhost", own_host) or ip_address(host).is_loopback
    except ValueError:
        return False
