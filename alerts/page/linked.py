"""Wraps the views behind a contact's link, except that of evidence files (evidence_views.py): looks up the token, and
gives one response to all wrong tokens.

Responses are private: their headers forbid to store or index them. If the database is away, a response still says whom
to call.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page

from alerts.contacts import links
from identity.api import rates
from identity.api.addresses import client_ip, network_of
from identity.api.rates import Limit
from messaging.database import clock
from messaging.database.sql import is_out_of_reach

log = structlog.get_logger(__name__)

# Wrong tokens from one network. Nobody can guess 128 bits; the limit only saves the queries that a scanner would cost.
# A right token is never refused, because the customers of a mobile carrier share few IP addresses.
GUESSES = Limit(scope="links guessed", times=30, window=timedelta(minutes=10))
# POSTs of one link: more than a frightened person sends, fewer than a script.
PRESSES = Limit(scope="link presses", times=60, window=timedelta(hours=1))
# Seconds after which the page asks again by itself: about the time a database takes to come back.
TRY_AGAIN_AFTER_S = 10

# Takes the request, what the token opens, the time now, and the other arguments in the URL.
_View = Callable[..., HttpResponse]
# Finds what a token opens at this time.
_Open = Callable[..., Any | None]


def with_link(*methods: str) -> Callable[[_View], _View]:
    """Decorate a view that takes the request, the ContactLink that the token opens, and the time. `methods` are the
    allowed HTTP methods.
    """
    return with_token(lambda token, now: links.opened(token, now=now), *methods, page="contacts-page")


def with_token(opened: _Open, *methods: str, page: str) -> Callable[[_View], _View]:
    """Decorate a view that takes the request, the object that `opened` finds for the token, and the time. If `opened`
    gives None, the token is wrong: every wrong token gets the same response, with any method.

    `page` names the URL to try again when the database is away. The view is exempt from the CSRF check, which needs a
    cookie: another site cannot know the URL it would have to post to.
    """

    def decorate(view: _View) -> _View:
        @csrf_exempt
        @gzip_page
        @wraps(view)
        def respond(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponse:
            try:
                response = _respond(view, opened, methods, request, token, **kwargs)
            except DatabaseError as error:
                if not is_out_of_reach(error):
                    raise
                log.error("database_unavailable", error=type(error).__name__)
                response = _unavailable(request, page)
            return _private(response)

        return respond

    return decorate


def _respond(
    view: _View, opened: _Open, methods: tuple[str, ...], request: HttpRequest, token: str, **kwargs: Any
) -> HttpResponse:
    now = clock.now()
    link = opened(token, now=now)
    if link is None:
        return _gone(request, now=now)
    if request.method not in methods:
        return HttpResponseNotAllowed(methods)
    if request.method == "POST" and not _within(PRESSES, str(link.id), now=now):
        return HttpResponse(status=429, headers={"Retry-After": "600"})
    return view(request, link, now, **kwargs)


@csrf_exempt
@gzip_page
def gone(request: HttpRequest, rest: str = "") -> HttpResponse:
    """The response for a wrong token and for any other URL below /a/ and /c/: 404, or 429 beyond GUESSES."""
    return _private(_gone(request, now=clock.now()))


def url_to(request: HttpRequest, name: str) -> str:
    """The URL of the view `name` for the same link and in the same language."""
    match = request.resolver_match
    chosen = chosen_language(request)
    query = f"?{urlencode({'lang': chosen})}" if chosen else ""
    return reverse(name, kwargs={"token": match.kwargs["token"]} if match else {}) + query


def chosen_language(request: HttpRequest) -> str | None:
    chosen = request.GET.get("lang", "")
    return chosen if chosen in dict(settings.LANGUAGES) else None


def _gone(request: HttpRequest, *, now: datetime) -> HttpResponse:
    status = 404 if _within(GUESSES, network_of(client_ip(request)), now=now) else 429
    return render(request, "alerts/gone.html", {"emergency_number": settings.EMERGENCY_NUMBER}, status=status)


def _unavailable(request: HttpRequest, page: str) -> HttpResponse:
    """Say in all languages whom to call and when the page tries again. Without the database the reader is unknown."""
    context = {
        "emergency_number": settings.EMERGENCY_NUMBER,
        "page_url": url_to(request, page),
        "again_s": TRY_AGAIN_AFTER_S,
    }
    response = render(request, "alerts/unavailable.html", context, status=503)
    response["Retry-After"] = str(TRY_AGAIN_AFTER_S)
    return response


def _within(limit: Limit, value: str, *, now: datetime) -> bool:
    try:
        rates.spend(limit, value, now=now)
    except rates.TooManyRequests:
        return False
    return True


def _private(response: HttpResponse) -> HttpResponse:
    """Set the headers of a private response and return it.

    They forbid clients to store or index it or to pass its URL on. The page may load only our files and map tiles.
    """
    response["Cache-Control"] = "no-store, private"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    response["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {_tile_origin()}".rstrip(),
            "media-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    return response


def _tile_origin() -> str:
    parts = urlsplit(settings.MAP_TILE_URL)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
