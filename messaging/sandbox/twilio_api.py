"""The part of Twilio's REST API that AlertMe uses: it creates, lists and fetches messages and calls."""

import hmac
import json
import time
from base64 import b64encode
from functools import partial

from aiohttp import web

from messaging.sandbox import misbehaving
from messaging.sandbox.arrivals import ArrivalLog
from messaging.sandbox.behaviour import GOOD_DAY, Behaviours, Script
from messaging.sandbox.callbacks import Callbacks
from messaging.sandbox.calls import CallDraft, Calls, read_call
from messaging.sandbox.drafts import Draft, read_draft
from messaging.sandbox.errors import TwilioError, json_response
from messaging.sandbox.listing import API_VERSION, Collection, page_of, read_listing
from messaging.sandbox.resources import CALLS_OF_ACCOUNT, MESSAGES_OF_ACCOUNT
from messaging.sandbox.rules import SMS, VOICE
from messaging.sandbox.store import CallFacts, Message, Store
from messaging.segments import count_segments

CHANNELS = {MESSAGES_OF_ACCOUNT.name: SMS, CALLS_OF_ACCOUNT.name: VOICE}


class TwilioApi:
    """The request handlers for one account. Each raises TwilioError for a request that Twilio would refuse."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        store: Store,
        behaviours: Behaviours,
        callbacks: Callbacks,
        calls: Calls,
        log: ArrivalLog | None,
    ) -> None:
        self._account_sid = account_sid
        self._store = store
        self._behaviours = behaviours
        self._callbacks = callbacks
        self._calls = calls
        self._log = log
        self._authorization = b"Basic " + b64encode(f"{account_sid}:{auth_token}".encode())
        self._account_path = f"/{API_VERSION}/Accounts/{account_sid}/"
        self.messages_path = f"{self._account_path}Messages.json"
        self._calls_path = f"{self._account_path}Calls.json"

    def authorize(self, request: web.BaseRequest) -> None:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._authorization):
            raise TwilioError(20003)

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handle a request under /2010-04-01/; return the response."""
        if request.method == "POST" and request.path == self.messages_path:
            return await self.create(request)
        self.authorize(request)
        if request.method == "POST" and request.path == self._calls_path:
            return await self._create_call(request)
        if request.method == "GET":
            for collection in (MESSAGES_OF_ACCOUNT, CALLS_OF_ACCOUNT):
                path = self._account_path + collection.name
                if request.path == f"{path}.json":
                    return self._list(request, collection)
                if request.path.startswith(f"{path}/"):
                    sid = request.path.removeprefix(f"{path}/").removesuffix(".json")
                    return self._fetch(sid, collection)
        raise TwilioError(20404, f"The requested resource {request.path[:200]} was not found")

    async def create(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived_at = time.time()
        self.authorize(request)
        draft = read_draft(await request.read())
        script = self._behaviours.for_create(draft.to)
        message = self._take(draft, script, arrived_at) if script.creates else None
        if script is GOOD_DAY and message is not None:
            return self._created(message, MESSAGES_OF_ACCOUNT)
        created = partial(self._created, message, MESSAGES_OF_ACCOUNT) if message else None
        return await misbehaving.respond(request, script, created)

    async def _create_call(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived_at = time.time()
        draft = read_call(await request.read())
        script = self._behaviours.for_call(draft.to)
        call = self._take_call(draft, script, arrived_at) if script.creates else None
        created = partial(self._created, call, CALLS_OF_ACCOUNT) if call else None
        return await misbehaving.respond(request, script, created)

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

    def _take_call(self, draft: CallDraft, script: Script, arrived_at: float) -> Message:
        call = self._store.add(
            to=draft.to,
            sender=draft.sender,
            service_sid=None,
            # A call says its text twice; the page shows repeated lines once.
            body="\n".join(dict.fromkeys(draft.says.lines)),
            segments=1,
            callback_url=draft.callback_url,
            arrived_at=arrived_at,
            plan=script.plan,
            call=CallFacts(action=draft.says.action, events=draft.events, digits=script.digits),
        )
        if self._log is not None:
            self._log.append(call)
        self._calls.follow(call)
        return call

    def _created(self, message: Message, collection: Collection) -> web.Response:
        # The state at creation: even a slow response says "queued", as Twilio's does.
        body = json.dumps(collection.show(message, account_sid=self._account_sid, now=message.born - 1))
        return web.Response(body=body.encode(), status=201, content_type="application/json")

    def _list(self, request: web.BaseRequest, collection: Collection) -> web.Response:
        listing = read_listing(request.query)
        if self._behaviours.lookup_fails(listing.to, channel=CHANNELS[collection.name]):
            raise TwilioError(20500)
        page = page_of(self._store, listing, collection, account_sid=self._account_sid, now=time.monotonic())
        return json_response(page)

    def _fetch(self, sid: str, collection: Collection) -> web.Response:
        message = self._store.get(sid) if sid.startswith(collection.prefix) else None
        if self._behaviours.lookup_fails(message.to if message else "", channel=CHANNELS[collection.name]):
            raise TwilioError(20500)
        if message is None:
            raise TwilioError(20404, f"The requested resource {collection.name}/{sid[:64]}.json was not found")
        return json_response(collection.show(message, account_sid=self._account_sid, now=time.monotonic()))
