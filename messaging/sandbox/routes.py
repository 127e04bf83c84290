"""Chooses the handler of a request. The create request of an SMS is tested first, because it must be fast."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from messaging.sandbox.control_api import ControlApi
from messaging.sandbox.errors import INVALID_PARAMETER, TwilioError
from messaging.sandbox.page import Page
from messaging.sandbox.twilio_api import TwilioApi

MAX_REQUEST_BYTES = 64 * 1024

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Routes:
    """The sandbox's request handler. No input makes it raise any exception but aiohttp's HTTP responses."""

    def __init__(self, *, twilio: TwilioApi, control: ControlApi, page: Page) -> None:
        self._twilio = twilio
        self._page = page
        self._create_path = twilio.messages_path
        self._control: dict[tuple[str, str], Handler] = {
            ("POST", "/sandbox/behaviour"): control.behave,
            ("DELETE", "/sandbox/behaviour"): control.forget_behaviour,
            ("POST", "/sandbox/reset"): control.reset,
            ("GET", "/sandbox/arrivals.json"): control.arrivals,
            ("GET", "/sandbox/stats.json"): control.stats,
        }
        self._open: dict[str, Handler] = {
            "/sandbox/": page.show,
            "/sandbox/phones.json": page.changes,
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.method == "POST" and request.raw_path == self._create_path:
                return await self._twilio.create(request)
            return await self._dispatch(request)
        except TwilioError as refusal:
            return refusal.response()
        except web.HTTPRequestEntityTooLarge:
            return TwilioError(INVALID_PARAMETER, "Request too large", status=413).response()

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/2010-04-01/"):
            return await self._twilio.respond(request)
        handler = self._control.get((request.method, path))
        if handler is not None:
            self._twilio.authorize(request)
            return await handler(request)
        self._page.check_host(request)
        if path in ("/", "/sandbox"):
            raise web.HTTPFound("/sandbox/")
        if request.method not in ("GET", "HEAD"):
            raise web.HTTPNotFound
        return await self._open.get(path, self._page.static)(request)


def bounded_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    """aiohttp's request factory, with MAX_REQUEST_BYTES for the body instead of aiohttp's 1 MiB."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_REQUEST_BYTES)
