"""JSON endpoints with which tests and benchmarks steer the sandbox: add or clear rules, reset, list arrived messages.

A client signs in with the account and password of the Twilio API (routes.py checks them).
"""

import json

from aiohttp import web

from messaging.sandbox.arrivals import arrivals_page
from messaging.sandbox.behaviour import Behaviours
from messaging.sandbox.callbacks import Callbacks
from messaging.sandbox.calls import Calls
from messaging.sandbox.errors import json_response
from messaging.sandbox.rules import RuleError, read_rules
from messaging.sandbox.store import Store


class ControlApi:
    def __init__(self, *, store: Store, behaviours: Behaviours, callbacks: Callbacks, calls: Calls) -> None:
        self._store = store
        self._behaviours = behaviours
        self._callbacks = callbacks
        self._calls = calls

    async def behave(self, request: web.BaseRequest) -> web.Response:
        """Add a rule. For a wrong rule the response is 400 with the fault: `{"error": …}`."""
        try:
            self._behaviours.add(read_rules(json.loads(await request.read())))
        except RuleError as invalid:
            return json_response({"error": str(invalid)}, status=400)
        except (ValueError, RecursionError):
            return json_response({"error": "the body is not JSON"}, status=400)
        return json_response({"ok": True})

    async def forget_behaviour(self, _request: web.BaseRequest) -> web.Response:
        self._behaviours.clear()
        return json_response({"ok": True})

    async def reset(self, _request: web.BaseRequest) -> web.Response:
        """Delete messages, rules, callbacks that are not posted yet, and counts; stop all calls."""
        self._behaviours.clear()
        self._callbacks.forget()
        self._calls.forget()
        self._store.reset()
        return json_response({"ok": True})

    async def arrivals(self, request: web.BaseRequest) -> web.Response:
        return json_response(arrivals_page(self._store, request.query))

    async def stats(self, _request: web.BaseRequest) -> web.Response:
        return json_response({"messages": len(self._store), "callbacks": self._callbacks.as_json()})
