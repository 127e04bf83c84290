"""Numbers that refuse our SMS. Safety and routine messages to them are not tried; an SOS, or a code they ask for, is:
only the provider knows whether they have opted in again."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.utils.translation import gettext

from messaging.models import MessageClass, OptOut
from messaging.texts import render

# The provider said so. Stored rows have this since Twilio, whose code it is, was the only provider.
_REFUSED = "21610"
# Their reader asked for it on a page.
ASKED = "asked"
RESPECTED_BY = (MessageClass.SAFETY, MessageClass.ROUTINE)


def refused(address: str, *, now: datetime) -> None:
    """The provider sends them nothing of ours."""
    OptOut.objects.get_or_create(address=address, defaults={"reason": _REFUSED, "since": now})


def taken(addresses: Collection[str]) -> None:
    """The provider takes messages for them, so they have opted in again there. What their reader told us stands: of
    that it does not know."""
    if OptOut.objects.exists():
        OptOut.objects.filter(address__in=addresses, reason=_REFUSED).delete()


def ask(address: str, *, reason: str, now: datetime) -> None:
    """Their reader wants nothing but an SOS, until they take it back."""
    OptOut.objects.update_or_create(address=address, defaults={"reason": reason, "since": now})


def take_back(address: str) -> None:
    """Their reader wants our SMS again."""
    OptOut.objects.filter(address=address).delete()


def refusing(addresses: Iterable[str]) -> set[str]:
    """Those of these numbers that refuse our SMS."""
    return set(OptOut.objects.filter(address__in=set(addresses)).values_list("address", flat=True))


# Twilio's own words (https://help.twilio.com/articles/223134027) it also answers itself; the Cyrillic ones are ours.
_STOP = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
_START = ("START", "YES", "UNSTOP")
_OURS = {"СТОП": "STOP", "СТАРТ": "START", "ПОМОЩЬ": "HELP"}


def take_word(address: str, text: str, *, now: datetime) -> str:
    """Act on an SMS from this number if it is one of the words; returns our answer, "" where Twilio gives its own."""
    said = text.strip().upper()
    word = _OURS.get(said, said)
    if word in _STOP:
        ask(address, reason="STOP", now=now)
    elif word in _START:
        take_back(address)
    return render(lambda: _answer(word), language="ru") if said in _OURS else ""


def _answer(word: str) -> str:
    match word:
        case "STOP":
            return gettext("AlertMe: you get no more messages but an SOS. Send START to get them again.")
        case "START":
            return gettext("AlertMe: you get messages again.")
    return gettext("AlertMe tells you when somebody who trusts you needs help. Send STOP to get no more messages.")
