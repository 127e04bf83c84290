"""The SMS that asks a number whether it wants to be a contact, and the SMS when a contact is removed.

Each takes one segment. The only words that a person can choose are names.
"""

from django.utils.translation import gettext, override

from identity import names
from identity.models import EmergencyContact, User
from messaging import texts
from messaging.segments import count_segments

# Raise it with each change of the words below or of the page: it is stored with each consent as proof.
VERSION = 1


def invitation(person: User, *, language: str, link: str) -> str:
    """The invitation in one segment, with the link, the person's verified number and their name.

    If it is longer than one segment, the name is left out, and then the words are shortened.
    """
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


def removed(person: User, *, language: str) -> str:
    """The SMS to a contact who was removed. It holds the person's verified number; their name is shortened to fit."""
    phone, name = str(person.phone_number), names.in_text(person.first_name, person.last_name)
    return texts.fit_name(
        lambda shorter: gettext("AlertMe: {name} removed you as a contact.").format(name=_with(phone, shorter)),
        name=name,
        language=language,
    )


def no_longer_contact(contact: EmergencyContact, *, language: str) -> str:
    """The SMS to the person about a removed contact. It holds the contact's number; their name is shortened to fit."""
    phone, name = str(contact.phone_number), names.in_text(contact.name)
    return texts.fit_name(
        lambda shorter: gettext("AlertMe: {name} is no longer your contact.").format(name=_with(phone, shorter)),
        name=name,
        language=language,
    )


def _with(phone: str, name: str) -> str:
    return f"{name} ({phone})" if name else phone
