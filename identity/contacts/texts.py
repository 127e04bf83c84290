"""The SMS that asks a number whether it wants to be a contact. It has no free words and takes one segment."""

from django.utils.translation import gettext, override

from identity import names
from identity.models import User
from messaging.segments import count_segments

# Raise it with each change of the words below or of the page: it is stored with each consent as proof.
VERSION = 1


def invitation(person: User, *, language: str, link: str) -> str:
    """Name the asking person's verified number and the link. To save room their name goes first, then longer words."""
    phone, name = str(person.phone_number), names.in_text(person.first_name, person.last_name)
    who = f"{name} ({phone})" if name else phone
    with override(language):
        asks = gettext("AlertMe: {name} asks you to be an emergency contact. Accept or decline: {link}")
        shorter = gettext("SOS contact of {phone}? {link}")
    for text in (
        asks.format(name=who, link=link),
        asks.format(name=phone, link=link),
        shorter.format(phone=phone, link=link),
    ):
        if count_segments(text) == 1:
            return text
    # Beside a link of a long host only Latin letters leave room. Readers of all three languages know this word.
    return f"AlertMe: SOS kontakt {phone}? {link}"
