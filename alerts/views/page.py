"""The contacts' page: no account, no cookie, no script needed. The token in its address is all there is to know."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page

from alerts import links, page, places
from alerts.models import ContactLink
from identity import rates
from identity.rates import Limit
from identity.requests import client_address
from messaging import clock

# Wrong tokens from one network. Nobody guesses 128 bits: this keeps a scanner from costing us queries. A right token is
# never refused, for a mobile carrier's customers share few addresses.
GUESSES = Limit(scope="links guessed", times=30, window=timedelta(minutes=10))

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
            now = clock.now()
            link = links.opened(token, now=now)
            if link is None:
                response = _nothing(request, now=now)
            elif request.method not in methods:
                response = HttpResponseNotAllowed(methods)
            else:
                response = view(request, link, now, **kwargs)
            return _sealed(response)

        return answer

    return decorate


@with_link("GET", "HEAD")
def show(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    return _page(request, link, now, template="alerts/page.html")


@with_link("GET", "HEAD")
def live(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    """The part that changes, for polling: 304 while it has not."""
    return _page(request, link, now, template="alerts/_live.html")


@csrf_exempt
@gzip_page
def nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    """What stands at any other address below /a/."""
    return _sealed(_nothing(request, now=clock.now()))


def _page(request: HttpRequest, link: ContactLink, now: datetime, *, template: str) -> HttpResponse:
    seen = page.seen_by(link, language=_chosen_language(request))
    etag = f'"{seen.version}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        unchanged["ETag"] = etag
        return unchanged
    with translation.override(seen.language), timezone.override(settings.DISPLAY_TIME_ZONE):
        response = render(request, template, _context(request, seen, now))
    response["ETag"] = etag
    response["Content-Language"] = seen.language
    return response


def _context(request: HttpRequest, seen: page.Page, now: datetime) -> dict[str, Any]:
    place = seen.place
    return {
        "page": seen,
        "now": now,
        "zone": _zone_name(now),
        "live_url": _address(request, "contacts-page-live"),
        "language": seen.language,
        "languages": settings.LANGUAGES,
        "emergency_number": settings.EMERGENCY_NUMBER,
        "attribution": settings.MAP_ATTRIBUTION,
        "map": place and places.map_of(place.latitude, place.longitude, accuracy_m=None, trail=()),
        "place_links": places.links(place.latitude, place.longitude) if place else (),
    }


def _address(request: HttpRequest, name: str) -> str:
    """Another address of the same link, in the same language."""
    match = request.resolver_match
    chosen = _chosen_language(request)
    query = f"?{urlencode({'lang': chosen})}" if chosen else ""
    return reverse(name, kwargs={"token": match.kwargs["token"]} if match else {}) + query


def _chosen_language(request: HttpRequest) -> str | None:
    chosen = request.GET.get("lang", "")
    return chosen if chosen in dict(settings.LANGUAGES) else None


def _zone_name(now: datetime) -> str:
    name = now.astimezone(settings.DISPLAY_TIME_ZONE).tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name


def _nothing(request: HttpRequest, *, now: datetime) -> HttpResponse:
    status = 404
    try:
        rates.spend(GUESSES, rates.network_of(client_address(request)), now=now)
    except rates.TooManyRequests:
        status = 429
    return render(request, "alerts/gone.html", {"emergency_number": settings.EMERGENCY_NUMBER}, status=status)


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
