"""The part of Twilio's REST API that AlertMe uses: create, list and fetch messages."""

import asyncio
import hmac
import json
import time
from base64 import b64encode

from aiohttp import web

from messaging.sandbox.arrivals import ArrivalLog
from messaging.sandbox.behaviour import GOOD_DAY, Behaviours, Script
from messaging.sandbox.callbacks import Callbacks
from messaging.sandbox.drafts import Draft, read_draft
from messaging.sandbox.errors import CODE_OF_STATUS, MESSAGES, TwilioError, json_answer
from messaging.sandbox.resources import API_VERSION, page_of, read_listing, resource
from messaging.sandbox.store import Message, Store
from messaging.segments import count_segments


class TwilioApi:
    """Handlers for one account; each raises TwilioError for what Twilio would refuse."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        store: Store,
        behaviours: Behaviours,
        callbacks: Callbacks,
        log: ArrivalLog | None,
    ) -> None:
        self._account_sid = account_sid
        self._store = store
        self._behaviours = behaviours
        self._callbacks = callbacks
        self._log = log
        self._authorization = b"Basic " + b64encode(f"{account_sid}:{auth_token}".encode())
        self.messages_path = f"/{API_VERSION}/Accounts/{account_sid}/Messages.json"
        self._message_path = f"/{API_VERSION}/Accounts/{account_sid}/Messages/"

    def authorize(self, request: web.BaseRequest) -> None:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._authorization):
            raise TwilioError(20003)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request under /2010-04-01/."""
        if request.method == "POST" and request.path == self.messages_path:
            return await self.create(request)
        self.authorize(request)
        if request.method == "GET" and request.path == self.messages_path:
            return self._list(request)
        if request.method == "GET" and request.path.startswith(self._message_path):
            return self._fetch(request.path.removeprefix(self._message_path).removesuffix(".json"))
        raise TwilioError(20404, f"The requested resource {request.path[:200]} was not found")

    async def create(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived_at = time.time()
        self.authorize(request)
        draft = read_draft(await request.read())
        script = self._behaviours.for_create(draft.to)
        message = self._take(draft, script, arrived_at) if script.creates else None
        if script is GOOD_DAY and message is not None:
            return self._created(message)
        if script.latency_s:
            await asyncio.sleep(script.latency_s)
        return await _misbehave(request, script, self._plain_answer(script, message))

    def _take(self, draft: Draft, script: Script, arrived_at: float) -> Message:
        message = self._store.add(
            to=draft.to,
            sender=draft.sender,
            service_sid=draft.service_sid,
            body=draft.body,
            segments=count_segments(draft.body),
            callback_url=draft.callback_url,
            arrived_at=arrived_at,
            plan=script.plan,
            validity_s=draft.validity_s,
        )
        if self._log is not None:
            self._log.append(message)
        self._callbacks.follow(message)
        return message

    def _created(self, message: Message) -> web.Response:
        # As of its birth: a slow answer still says "queued", as Twilio's does.
        body = json.dumps(resource(message, account_sid=self._account_sid, now=message.born - 1))
        return web.Response(body=body.encode(), status=201, content_type="application/json")

    def _plain_answer(self, script: Script, message: Message | None) -> web.Response:
        if script.status:
            headers = {} if script.retry_after_s is None else {"Retry-After": str(script.retry_after_s)}
            code = CODE_OF_STATUS.get(script.status, 20001)
            return TwilioError(code, MESSAGES.get(code, "Error"), status=script.status).answer(headers)
        if script.refuse_code:
            return TwilioError(script.refuse_code).answer()
        if script.garbage or message is None:
            return web.Response(body=b'{"sid": "SM', status=201, content_type="application/json")
        return self._created(message)

    def _list(self, request: web.BaseRequest) -> web.Response:
        listing = read_listing(request.query)
        if self._behaviours.lookup_fails(listing.to):
            raise TwilioError(20500)
        now = time.monotonic()
        return json_answer(page_of(self._store, listing, account_sid=self._account_sid, now=now))

    def _fetch(self, sid: str) -> web.Response:
        message = self._store.get(sid)
        if self._behaviours.lookup_fails(message.to if message else ""):
            raise TwilioError(20500)
        if message is None:
            raise TwilioError(20404, f"The requested resource Messages/{sid[:64]}.json was not found")
        return json_answer(resource(message, account_sid=self._account_sid, now=time.monotonic()))


async def _misbehave(request: web.BaseRequest, script: Script, answer: web.Response) -> web.StreamResponse:
    if script.hang:
        # Ends when the client gives up or the server stops: both cancel the handler.
        await asyncio.Event().wait()
    if script.lose_reply and request.transport is not None:
        request.transport.abort()
        return answer
    if script.drip_s:
        return await _drip(request, answer, script.drip_s)
    return answer


async def _drip(request: web.BaseRequest, answer: web.Response, pause_s: float) -> web.StreamResponse:
    """The answer's head at once, then its body one byte per pause."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    dripping = web.StreamResponse(status=answer.status, headers=answer.headers)
    dripping.content_length = len(body)
    await dripping.prepare(request)
    for byte in body:
        await dripping.write(bytes([byte]))
        await asyncio.sleep(pause_s)
    await dripping.write_eof()
    return dripping
