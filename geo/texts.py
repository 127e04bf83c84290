"""Texts about zones for contacts. Each fits one SMS segment in every language. Several are joined into one SMS."""

from django.utils.translation import gettext, override

from identity.models import User
from messaging import texts
from messaging.segments import GSM_SINGLE, count_segments

# Units for the names of a zone and a person. A Cyrillic segment has room for no more beside the words.
_ZONE_UNITS, _NAME_UNITS = 22, 20


def entered(person: User, *, zone: str, language: str) -> str:
    with override(language):
        return _fitted(gettext("AlertMe: {name} arrived: {zone}."), person, zone)


def left(person: User, *, zone: str, language: str) -> str:
    with override(language):
        return _fitted(gettext("AlertMe: {name} left: {zone}."), person, zone)


def _fitted(words: str, person: User, zone: str) -> str:
    """The text with both names, shortened until it fits one segment: the zone's name first, then the person's."""
    name = f"{person.first_name} {person.last_name}".strip() or str(person.phone_number)
    for zone_units, name_units in ((GSM_SINGLE, GSM_SINGLE), (_ZONE_UNITS, GSM_SINGLE), (_ZONE_UNITS, _NAME_UNITS)):
        text = words.format(name=texts.shortened(name, name_units), zone=texts.shortened(zone, zone_units))
        if count_segments(text) == 1:
            break
    return text
