"""Limits one person's use of each web process, so that threads and processor time remain for everybody's SOS.

A device credential, a contact's link and, on public paths, a client IP count as a person too. Each request uses up its
seconds of processor from the person's share (BURST_S, PER_SECOND). A request gets 429 when the share is used up, or
when the person already runs AT_ONCE requests (one, if less than three quarters of the share are left). Positions of an
alert have a share of their own. A press is neither counted nor refused. No query is made: a refusal must cost less than
the request. identity/api/person_limits.py counts requests by purpose, over all processes.
"""

import hashlib
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import UntypedToken

from config.errors import problem
from config.paths import is_press
from identity.api.addresses import client_ip
from identity.devices.credentials import in_header
from identity.sessions.bearer import tokens_in

# Requests at once: an app that opens sends about six, to two processes. A person who has used up a quarter of their
# share has one.
AT_ONCE = max(1, settings.WEB_THREADS // 2)
# Seconds of processor at once, and then in each second. A request takes about 0.01 s, a batch of 1,000 fixes 0.3 s.
BURST_S, PER_SECOND = 0.5, 0.05
# The largest charge for a piece of a recording: it is bounded otherwise, and a phone in danger sends many.
_PIECE_S = 0.02
# People whose shares are remembered. People who were silent longest are forgotten: they have their whole burst again.
_PEOPLE = 10_000
_API, _PAGE = "/api/v1/", "/a/"
# Positions of an alert have a share of their own, which nothing else uses up.
_POSITIONS = re.compile(r"/api/v1/sos-alerts/[^/]+/locations/")
_PIECES = re.compile(r"/api/v1/(?:uploads/|sos-alerts/[^/]+/upload)")
# Paths that cost much without an account: passwords are hashed, documents made.
_PUBLIC = ("/api/v1/auth/", "/api/schema/", "/api/docs/", "/admin/")


@dataclass(slots=True)
class _Share:
    left: float
    at: float
    running: int = 0


class Shares:
    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._lock = Lock()

    def enter(self, who: str, *, now: float) -> bool:
        """Begin a request of this person. False if their share is used up or they run too many requests."""
        with self._lock:
            # Put it last again: the first one in the dictionary was silent longest.
            share = self._shares.pop(who, None) or _Share(left=BURST_S, at=now)
            self._shares[who] = share
            share.left = min(BURST_S, share.left + (now - share.at) * PER_SECOND)
            share.at = now
            if len(self._shares) > _PEOPLE:
                self._forget()
            if share.left <= 0 or share.running >= (AT_ONCE if share.left > BURST_S * 0.75 else 1):
                return False
            share.running += 1
            return True

    def leave(self, who: str, *, cost_s: float) -> None:
        """End a request of this person and take `cost_s` from their share, which may become negative."""
        with self._lock:
            share = self._shares.get(who)
            if share is not None:
                share.running = max(0, share.running - 1)
                share.left -= cost_s

    def _forget(self) -> None:
        silent = [who for who, share in list(self._shares.items())[: _PEOPLE // 10] if not share.running]
        for who in silent:
            del self._shares[who]


class FairShareMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._shares = Shares()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Only gunicorn has threads to share: tests that call the application itself send hundreds of requests.
        who = _who(request) if "gunicorn.socket" in request.META else None
        if who is None:
            return self.get_response(request)
        if not self._shares.enter(who, now=time.monotonic()):
            return problem(429, "too_many_requests", "Too many requests. Try again later.", retry_after_s=1)
        began = time.thread_time()
        most = _PIECE_S if _PIECES.match(request.path_info) else float("inf")

        def leave() -> None:
            self._shares.leave(who, cost_s=min(most, time.thread_time() - began))

        try:
            response = self.get_response(request)
        except BaseException:
            leave()
            raise
        if response.streaming:
            # This thread writes the content later. A server closes each response.
            response._resource_closers.append(leave)  # type: ignore[attr-defined]
        else:
            leave()
        return response


def _who(request: HttpRequest) -> str | None:
    """The share's key: of a token's person, a device's credential, a contact's link, or on _PUBLIC paths the client IP.

    None: the request counts against no share.
    """
    path = request.path_info
    if is_press(request):
        return None
    if path.startswith(_PAGE):
        return path.removeprefix(_PAGE).partition("/")[0]
    if path.startswith(_PUBLIC):
        return f"client {client_ip(request)}"
    who = _signed_in(request) if path.startswith(_API) else None
    return f"positions {who}" if who and _POSITIONS.match(path) else who


def _signed_in(request: HttpRequest) -> str | None:
    for token in tokens_in(request.META.get("HTTP_AUTHORIZATION", "")):
        if person := _person(token):
            return person
    # Nobody else's share can be used up: a credential that is not the device's own has another hash.
    credential = in_header(request.META.get("HTTP_X_SOS_CREDENTIAL", ""))
    return hashlib.sha256(credential.encode()).hexdigest() if credential else None


@lru_cache(maxsize=4_096)
def _person(token: str) -> str | None:
    """The id of the person in this token; None if its signature is wrong. Cached, so it may have expired meanwhile."""
    with suppress(TokenError):
        return str(UntypedToken(token).get("user_id"))  # type: ignore[arg-type]
    return None
