"""The page behind the link of an invitation: accept, decline, or block everyone. It needs no account and no script."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation

from alerts.page import choices
from alerts.page.linked import chosen_language, url_to, with_token
from identity import names
from identity.consent_models import ConsentHow, ConsentState, ContactConsent
from identity.contacts import consent, links


class Wish(TextChoices):
    ACCEPT = "accept"
    DECLINE = "decline"
    BLOCK = "block"
    UNBLOCK = "unblock"


@with_token(links.opened, "GET", "HEAD", "POST", page="consent-page")
def consent_page(request: HttpRequest, asked: ContactConsent, now: datetime) -> HttpResponse:
    """Show who asks for consent. A POST puts the chosen wish in force and redirects to this page.

    A GET changes nothing: link previews and scanners send GETs.
    """
    language = chosen_language(request) or asked.language
    wish = request.POST.get("choice", "")
    if request.method == "POST" and wish in Wish:
        _do(Wish(wish), asked, language=language, now=now)
        return HttpResponseRedirect(url_to(request, "consent-page"), status=303)
    with translation.override(language):
        response = render(request, "alerts/consent.html", _context(request, asked, language))
    response["Content-Language"] = language
    return response


@transaction.atomic
def _do(wish: Wish, asked: ContactConsent, *, language: str, now: datetime) -> None:
    """Put a wish in force for the number that the invitation was sent to. The same wish again changes nothing.

    Texts each person whose contact has declined by it.
    """
    number, person_id = str(asked.phone_number), asked.user_id
    declined = []
    match wish:
        case Wish.ACCEPT:
            consent.accept(person_id=person_id, phone_number=number, how=ConsentHow.PAGE, language=language, now=now)
        case Wish.DECLINE:
            declined = [
                consent.decline(
                    person_id=person_id, phone_number=number, how=ConsentHow.PAGE, language=language, now=now
                )
            ]
        case Wish.BLOCK:
            declined = [*consent.block(phone_number=number, language=language, now=now)]
        case Wish.UNBLOCK:
            consent.unblock(number)
    choices.tell_person([contact for contact in declined if contact is not None], now=now)


def _context(request: HttpRequest, asked: ContactConsent, language: str) -> dict[str, object]:
    person = asked.user
    return {
        "name": names.in_text(person.first_name, person.last_name),
        "phone": str(person.phone_number),
        "is_waiting": asked.state == ConsentState.INVITED,
        "has_accepted": asked.state == ConsentState.ACCEPTED,
        "is_blocking": consent.is_blocking(str(asked.phone_number)),
        "consent_url": url_to(request, "consent-page"),
        "language": language,
        "languages": settings.LANGUAGES,
    }
