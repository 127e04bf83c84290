"""The contacts' page. It needs no account, no cookie and no script: the token in its URL is the only key."""

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
from alerts.page.linked import chosen_language, url_to, with_link

_ANSWERS: dict[str, Callable[..., object]] = {
    AnswerKind.ACKNOWLEDGED: answers.acknowledge,
    AnswerKind.DECLINED: answers.decline,
}


@with_link("GET", "HEAD")
def show(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    return _page(request, link, now, template="alerts/page.html")


@with_link("GET", "HEAD")
def live(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    """The part of the page that changes, for polling; 304 if nothing has changed since the client's ETag."""
    return _page(request, link, now, template="alerts/_live.html")


@with_link("POST")
def answer(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    """Take a contact's answer and redirect to the page. Only POST reaches this view: link previews send GETs.

    An unknown answer, or an answer after the end of the alert, changes nothing.
    """
    give = _ANSWERS.get(request.POST.get("answer", ""))
    if give is not None:
        with suppress(answers.AlertOver):
            give(alert_id=link.alert_id, contact_id=link.contact_id, via=Via.PAGE, now=now)
    return HttpResponseRedirect(url_to(request, "contacts-page"), status=303)


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
    position = seen.position
    return {
        "page": seen,
        "now": now,
        "zone": _zone_name(now),
        "live_url": url_to(request, "contacts-page-live"),
        "answer_url": url_to(request, "contacts-page-answer"),
        "choices_url": url_to(request, "contacts-page-choices"),
        "language": seen.language,
        "languages": settings.LANGUAGES,
        "emergency_number": settings.EMERGENCY_NUMBER,
        "attribution": settings.MAP_ATTRIBUTION,
        "map": position and _map(position, seen.trail),
        "map_links": maps.links(position.latitude, position.longitude) if position else (),
    }


def _map(position: content.Position, trail: tuple[tuple[float, float], ...]) -> maps.Map | None:
    return maps.map_of(position.latitude, position.longitude, accuracy_m=position.accuracy, trail=trail)


def _zone_name(now: datetime) -> str:
    name = now.astimezone(settings.DISPLAY_TIME_ZONE).tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name
