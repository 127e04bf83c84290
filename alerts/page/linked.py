"""What views behind a contact's link share: the token is looked up, all that is wrong is answered alike, what is
answered is kept from others, and without a database there are words too."""

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
from identity.api.rates import Limit
from identity.api.requests import client_ip
from messaging.database import clock
from messaging.database.sql import is_out_of_reach

log = structlog.get_logger(__name__)

# Wrong tokens from one network. Nobody guesses 128 bits: this keeps a scanner from costing us queries. A right token is
# never refused, for a mobile carrier's customers share few addresses.
GUESSES = Limit(scope="links guessed", times=30, window=timedelta(minutes=10))
# Of one link: more than a frightened person presses, fewer than a script.
PRESSES = Limit(scope="link presses", times=60, window=timedelta(hours=1))
# The page asks again by itself, as often as a database may take to come back.
TRY_AGAIN_AFTER_S = 10

# Called with the request, the link and now, and with what else stands in the address.
_View = Callable[..., HttpResponse]


def with_link(*methods: str) -> Callable[[_View], _View]:
    """A view of what a token opens. Whatever else is asked, with whatever method, gets the same answer.

    Exempt from the CSRF check, which needs a cookie: another site cannot know the address it would have to post to.
    """

    def decorate(view: _View) -> _View:
        @csrf_exempt
        @gzip_page
        @wraps(view)
        def answer(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponse:
            try:
                response = _opened(view, methods, request, token, **kwargs)
            except DatabaseError as error:
                if not is_out_of_reach(error):
                    raise
                log.error("database_unavailable", error=type(error).__name__)
                response = _unavailable(request)
            return _sealed(response)

        return answer

    return decorate


def _opened(view: _View, methods: tuple[str, ...], request: HttpRequest, token: str, **kwargs: Any) -> HttpResponse:
    now = clock.now()
    link = links.opened(token, now=now)
    if link is None:
        return _nothing(request, now=now)
    if request.method not in methods:
        return HttpResponseNotAllowed(methods)
    if request.method == "POST" and not _within(PRESSES, str(link.id), now=now):
        return HttpResponse(status=429, headers={"Retry-After": "600"})
    return view(request, link, now, **kwargs)


@csrf_exempt
@gzip_page
def nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    """What stands at any other address below /a/."""
    return _sealed(_nothing(request, now=clock.now()))


def address(request: HttpRequest, name: str) -> str:
    """Another address of the same link, in the same language."""
    match = request.resolver_match
    chosen = chosen_language(request)
    query = f"?{urlencode({'lang': chosen})}" if chosen else ""
    return reverse(name, kwargs={"token": match.kwargs["token"]} if match else {}) + query


def chosen_language(request: HttpRequest) -> str | None:
    chosen = request.GET.get("lang", "")
    return chosen if chosen in dict(settings.LANGUAGES) else None


def _nothing(request: HttpRequest, *, now: datetime) -> HttpResponse:
    status = 404 if _within(GUESSES, rates.network_of(client_ip(request)), now=now) else 429
    return render(request, "alerts/gone.html", {"emergency_number": settings.EMERGENCY_NUMBER}, status=status)


def _unavailable(request: HttpRequest) -> HttpResponse:
    """The database is away, and with it who this is for: in all languages, whom to call and when it is tried again."""
    context = {
        "emergency_number": settings.EMERGENCY_NUMBER,
        "page_url": address(request, "contacts-page"),
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


def _sealed(response: HttpResponse) -> HttpResponse:
    """Kept by nobody, found by nobody, told to nobody, and with nothing in it that is not ours."""
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
