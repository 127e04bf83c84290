"""Opt-outs: phone numbers that refuse our SMS. SAFETY and ROUTINE messages to them are not sent.

An SOS, or a code that the reader asked for, is still sent: only the provider knows whether the reader opted in again.
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from django.utils.translation import gettext

from messaging.models import MessageClass, OptOut
from messaging.texts import render

# The reason of an opt-out that the provider reported. Stored rows have it since Twilio, whose code it is, was the only
# provider.
_REFUSED = "21610"
# The reason of an opt-out that the reader of the SMS chose on a page.
ASKED = "asked"
RESPECTED_BY = (MessageClass.SAFETY, MessageClass.ROUTINE)


def refused(address: str, *, now: datetime) -> None:
    """Store that the provider refuses our SMS to this number. An opt-out that is stored already stays as it is."""
    OptOut.objects.get_or_create(address=address, defaults={"reason": _REFUSED, "since": now})


def taken(addresses: Collection[str]) -> None:
    """Delete opt-outs of these numbers that the provider reported, because it has just accepted messages for them.

    An opt-out that a reader sent to us, or chose on a page, stays: the provider does not know of it.
    """
    if OptOut.objects.exists():
        OptOut.objects.filter(address__in=addresses, reason=_REFUSED).delete()


def ask(address: str, *, reason: str, now: datetime) -> None:
    """Store that the reader of this number wants no SAFETY and ROUTINE messages, until `take_back`."""
    OptOut.objects.update_or_create(address=address, defaults={"reason": reason, "since": now})


def take_back(address: str) -> None:
    """Delete the opt-out: the reader of this number wants our SMS again."""
    OptOut.objects.filter(address=address).delete()


def refusing(addresses: Iterable[str]) -> set[str]:
    """The numbers among these that refuse our SMS."""
    return set(OptOut.objects.filter(address__in=set(addresses)).values_list("address", flat=True))


# Twilio knows the Latin words (https://help.twilio.com/articles/223134027) and answers them itself. The Cyrillic words
# are ours.
_STOP = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
_START = ("START", "YES", "UNSTOP")
_OURS = {
    "СТОП": ("STOP", "ru"),
    "СТАРТ": ("START", "ru"),
    "ПОМОЩЬ": ("HELP", "ru"),
    "ТОКТОТ": ("STOP", "ky"),
    "БАШТА": ("START", "ky"),
    "ЖАРДАМ": ("HELP", "ky"),
}
# Words that may follow without a comma: "stop please".
_POLITE = frozenset(["PLEASE", "THANKS", "THANK", "YOU", "SMS", "ПОЖАЛУЙСТА", "СПАСИБО", "СМС", "РАХМАТ", "СУРАНЫЧ"])
_WORDS = re.compile(r"[^\W\d_]+")
# A sentence that goes on after the word is a sentence about something else: "stop by the shop".
_GOES_ON = re.compile(r"[^\S\n]+\w")


def take_word(address: str, text: str, *, now: datetime) -> str:
    """Act on an SMS from this number: a word for STOP stores an opt-out, a word for START deletes it.

    Return our reply to a Cyrillic word (_OURS), in the word's language. Return "" for any other text: Twilio itself
    replies to the Latin words.
    """
    said = _said(text)
    word, language = _OURS.get(said, (said, ""))
    if word in _STOP:
        ask(address, reason="STOP", now=now)
    elif word in _START:
        take_back(address)
    return render(lambda: _answer(word), language=language) if language else ""


def _said(text: str) -> str:
    """The first word of the text in capital letters; "" if a sentence goes on after it ("stop by the shop").

    Words of _POLITE may follow it, and any text after a punctuation mark or a line break.
    """
    first = _WORDS.search(text)
    if first is None:
        return ""
    rest = text[first.end() :]
    more = (word.upper() for word in _WORDS.findall(rest))
    return "" if _GOES_ON.match(rest) and not _POLITE.issuperset(more) else first[0].upper()


def _answer(word: str) -> str:
    match word:
        case "STOP":
            return gettext("AlertMe: you get no more messages but an SOS. Send START to get them again.")
        case "START":
            return gettext("AlertMe: you get messages again.")
    return gettext("AlertMe tells you when somebody who trusts you needs help. Send STOP to get no more messages.")
