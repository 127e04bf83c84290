"""The sandbox's own JSON endpoints, for tests and benchmarks: same account, same password as the API."""

import json

from aiohttp import web

from messaging.sandbox.arrivals import arrivals_page
from messaging.sandbox.behaviour import Behaviours
from messaging.sandbox.callbacks import Callbacks
from messaging.sandbox.calls import Calls
from messaging.sandbox.errors import json_answer
from messaging.sandbox.rules import RuleError, read_rules
from messaging.sandbox.store import Store


class ControlApi:
    def __init__(self, *, store: Store, behaviours: Behaviours, callbacks: Callbacks, calls: Calls) -> None:
        self._store = store
        self._behaviours = behaviours
        self._callbacks = callbacks
        self._calls = calls

    async def behave(self, request: web.BaseRequest) -> web.Response:
        """Add a rule; 400 `{"error": …}` says what is wrong with it."""
        try:
            self._behaviours.add(read_rules(json.loads(await request.read())))
        except RuleError as invalid:
            return json_answer({"error": str(invalid)}, status=400)
        except (ValueError, RecursionError):
            return json_answer({"error": "the body is not JSON"}, status=400)
        return json_answer({"ok": True})

    async def forget_behaviour(self, _request: web.BaseRequest) -> web.Response:
        self._behaviours.clear()
        return json_answer({"ok": True})

    async def reset(self, _request: web.BaseRequest) -> web.Response:
        """Forget messages, behaviour, callbacks still due and counts."""
        self._behaviours.clear()
        self._callbacks.forget()
        self._calls.forget()
        self._store.reset()
        return json_answer({"ok": True})

    async def arrivals(self, request: web.BaseRequest) -> web.Response:
        return json_answer(arrivals_page(self._store, request.query))

    async def stats(self, _request: web.BaseRequest) -> web.Response:
        return json_answer({"messages": len(self._store), "callbacks": self._callbacks.as_json()})
