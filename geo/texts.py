"""What contacts read of zones. One SMS segment in every language: several events are joined into one text."""

from django.utils.translation import gettext, override

from identity.models import User
from messaging import texts
from messaging.segments import GSM_SINGLE, count_segments

# Of the names of a zone and a person: a segment of Cyrillic holds no more beside the words.
_ZONE_UNITS, _NAME_UNITS = 22, 20


def entered(person: User, *, zone: str, language: str) -> str:
    with override(language):
        return _fitted(gettext("AlertMe: {name} arrived: {zone}."), person, zone)


def left(person: User, *, zone: str, language: str) -> str:
    with override(language):
        return _fitted(gettext("AlertMe: {name} left: {zone}."), person, zone)


def _fitted(words: str, person: User, zone: str) -> str:
    """The end of the zone's name gives way first, then the end of the person's."""
    name = f"{person.first_name} {person.last_name}".strip() or str(person.phone_number)
    for zone_units, name_units in ((GSM_SINGLE, GSM_SINGLE), (_ZONE_UNITS, GSM_SINGLE), (_ZONE_UNITS, _NAME_UNITS)):
        text = words.format(name=texts.shortened(name, name_units), zone=texts.shortened(zone, zone_units))
        if count_segments(text) == 1:
            break
    return text
