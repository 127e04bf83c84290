from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation

from alerts.models import ContactLink
from alerts.page import choices, content
from alerts.page.choices import Choice
from alerts.page.linked import chosen_language, url_to, with_link


@with_link("GET", "HEAD", "POST")
def choose(request: HttpRequest, link: ContactLink, now: datetime) -> HttpResponse:
    """Show the contact's choices. A POST puts the chosen one in force and redirects to them.

    A GET changes nothing: link previews and mail scanners send GETs too.
    """
    chosen = request.POST.get("choice", "")
    seen = content.seen_by(link, language=chosen_language(request))
    if request.method == "POST" and chosen in Choice:
        choices.make(Choice(chosen), link=link, language=seen.language, now=now)
        return HttpResponseRedirect(url_to(request, "contacts-page-choices"), status=303)
    with translation.override(seen.language):
        response = render(request, "alerts/choices.html", _context(request, link, seen))
    response["Content-Language"] = seen.language
    return response


def _context(request: HttpRequest, link: ContactLink, seen: content.Page) -> dict[str, object]:
    return {
        "name": seen.name,
        "choices": choices.current_choices(link),
        "page_url": url_to(request, "contacts-page"),
        "choices_url": url_to(request, "contacts-page-choices"),
        "language": seen.language,
        "languages": settings.LANGUAGES,
    }
