"""The web page of phones at /sandbox/. A person at this machine needs no password; other web sites cannot read it."""

import time
from dataclasses import asdict
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from aiohttp import web

from messaging.sandbox.errors import json_response
from messaging.sandbox.phones import numbers_shown, phones_html, phones_shown
from messaging.sandbox.store import Store

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Page:
    """Serves the web page under the loopback names and `own_hosts`."""

    def __init__(self, *, store: Store, own_hosts: frozenset[str]) -> None:
        self._store = store
        self._hosts = LOOPBACK_NAMES | own_hosts
        self._template = Template((STATIC / "page.html").read_text(encoding="utf-8"))
        self._files = {
            f"/sandbox/static/{path.name}": (path.read_bytes(), TYPES[path.suffix])
            for path in STATIC.iterdir()
            if path.suffix in TYPES
        }

    def check_host(self, request: web.BaseRequest) -> None:
        """Raise HTTP 421 if the header Host is neither a loopback name nor in `own_hosts`.

        Another web site could point its own name at this machine, and its scripts could then read the page.
        """
        try:
            host = urlsplit("//" + request.headers.get("Host", "")).hostname
        except ValueError:
            host = None
        if host not in self._hosts:
            raise web.HTTPMisdirectedRequest(text="Ask for this page by a name of this machine.\n")

    async def show(self, _request: web.BaseRequest) -> web.Response:
        phones = phones_shown(self._store, now=time.monotonic())
        text = self._template.substitute(
            phones=phones_html(phones), empty_hidden="hidden" if phones else "", count=len(self._store)
        )
        return web.Response(text=text, content_type="text/html", headers=HEADERS)

    async def changes(self, request: web.BaseRequest) -> web.Response:
        """The shown phones that changed after the query's `since`, which is the `now` of an earlier response.

        Returns all shown phones if the sandbox was reset or restarted since then (another `epoch`). At most
        PHONES_SHOWN phones are shown.
        """
        now = time.monotonic()
        since = _seconds(request.query.get("since", ""))
        epoch = self._store.epoch
        if request.query.get("epoch") != epoch:
            since = 0.0
        changed = phones_shown(self._store, now=now, since=since)
        body = {
            "epoch": epoch,
            "now": now,
            "total": len(self._store),
            "numbers": numbers_shown(self._store),
            "phones": [asdict(phone) for phone in changed],
        }
        return json_response(body, headers=HEADERS)

    async def static(self, request: web.BaseRequest) -> web.Response:
        content, content_type = self._files.get(request.path, (None, ""))
        if content is None:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type=content_type, charset="utf-8", headers=HEADERS)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
