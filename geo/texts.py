"""Texts about zones for contacts. Each fits one SMS segment in every language and holds the person's verified number.

The name of a zone is free text. Characters that no person's name may hold are left out of it, so that it does not look
like a link or a number.
"""

from django.utils.translation import gettext, override

from identity import names
from identity.models import User
from messaging import texts
from messaging.segments import count_segments

# Units for the names of a zone and a person. They are tried in this order.
_UNITS = ((30, 60), (30, 20), (16, 20), (12, 12), (9, 8))


def entered(person: User, *, zone: str, language: str) -> str:
    with override(language):
        return _fitted(gettext("AlertMe: {name} arrived: {zone}."), person, zone)


def left(person: User, *, zone: str, language: str) -> str:
    with override(language):
        return _fitted(gettext("AlertMe: {name} left: {zone}."), person, zone)


def _fitted(words: str, person: User, zone: str) -> str:
    """The text with shortened names: the lengths of _UNITS are tried in order until the text fits one segment."""
    phone, name = str(person.phone_number), names.in_text(person.first_name, person.last_name)
    place = names.in_text(zone) or "..."
    for zone_units, name_units in _UNITS:
        who = f"{texts.shortened(name, name_units)} ({phone})" if name else phone
        text = words.format(name=who, zone=texts.shortened(place, zone_units))
        if count_segments(text) == 1:
            break
    return text
