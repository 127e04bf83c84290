"""Responds to a create request as its Script (behaviour.py) says: late, with an error, in pieces or never."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from messaging.sandbox.behaviour import Script
from messaging.sandbox.errors import CODE_OF_STATUS, MESSAGES, TwilioError

Created = Callable[[], web.Response]


async def respond(request: web.BaseRequest, script: Script, created: Created | None) -> web.StreamResponse:
    """Respond as the script says. `created` makes Twilio's normal response; None: the request created nothing.

    With `hang` this never returns. With `lose_reply` it closes the connection before it returns.
    """
    if script.latency_s:
        await asyncio.sleep(script.latency_s)
    plain = _plain(script, created)
    if script.hang:
        # This wait ends when the client gives up or the server stops: both cancel the handler.
        await asyncio.Event().wait()
    if script.lose_reply and request.transport is not None:
        request.transport.abort()
        return plain
    if script.drip_s:
        return await _drip(request, plain, script.drip_s)
    return plain


def _plain(script: Script, created: Created | None) -> web.Response:
    if script.status:
        headers = {} if script.retry_after_s is None else {"Retry-After": str(script.retry_after_s)}
        code = CODE_OF_STATUS.get(script.status, 20001)
        return TwilioError(code, MESSAGES.get(code, "Error"), status=script.status).response(headers)
    if script.refuse_code:
        return TwilioError(script.refuse_code).response()
    if script.garbage or created is None:
        return web.Response(body=b'{"sid": "', status=201, content_type="application/json")
    return created()


async def _drip(request: web.BaseRequest, whole: web.Response, pause_s: float) -> web.StreamResponse:
    """Send the head of the response at once, then its body with a pause after each byte."""
    body = whole.body if isinstance(whole.body, bytes) else b""
    dripping = web.StreamResponse(status=whole.status, headers=whole.headers)
    dripping.content_length = len(body)
    await dripping.prepare(request)
    for byte in body:
        await dripping.write(bytes([byte]))
        await asyncio.sleep(pause_s)
    await dripping.write_eof()
    return dripping
