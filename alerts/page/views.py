"""The contacts' page: no account, no cookie, no script needed. The token in its address is all there is to know."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response

from alerts.escalation import answers
from alerts.models import AnswerKind, ContactLink, Via
from alerts.page import content, maps
from alerts.page.linked import address, chosen_language, with_link

_ANSWERS: dict[str, Callable[..., object]] = {
    AnswerKind.ACKNOWLEDGED: answers.acknowledge,
    AnswerKind.DECLINED: answers.decline,
}


@with_link("GET", "HEAD")
def show(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    return _page(request, link, now, template="alerts/page.html")


@with_link("GET", "HEAD")
def live(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    """The part that changes, for polling: 304 while it has not."""
    return _page(request, link, now, template="alerts/_live.html")


@with_link("POST")
def answer(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    """Only a POST: previews of links send a GET. An answer that is none, or comes after the end, is shown the page."""
    give = _ANSWERS.get(request.POST.get("answer", ""))
    if give is not None:
        with suppress(answers.AlertOver):
            give(alert_id=link.alert_id, contact_id=link.contact_id, via=Via.PAGE, now=now)
    return HttpResponseRedirect(address(request, "contacts-page"), status=303)


def _page(request: HttpRequest, link: ContactLink, now: datetime, *, template: str) -> HttpResponse:
    seen = content.seen_by(link, language=chosen_language(request))
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


def _context(request: HttpRequest, seen: content.Page, now: datetime) -> dict[str, Any]:
    place = seen.place
    return {
        "page": seen,
        "now": now,
        "zone": _zone_name(now),
        "live_url": address(request, "contacts-page-live"),
        "answer_url": address(request, "contacts-page-answer"),
        "choices_url": address(request, "contacts-page-choices"),
        "language": seen.language,
        "languages": settings.LANGUAGES,
        "emergency_number": settings.EMERGENCY_NUMBER,
        "attribution": settings.MAP_ATTRIBUTION,
        "map": place and maps.map_of(place.latitude, place.longitude, accuracy_m=place.accuracy, trail=seen.trail),
        "place_links": maps.links(place.latitude, place.longitude) if place else (),
    }


def _zone_name(now: datetime) -> str:
    name = now.astimezone(settings.DISPLAY_TIME_ZONE).tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name
