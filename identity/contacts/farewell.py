"""Texts a number that it is no contact of the person any more, and texts the person too.

Only a number that has accepted is told: the others asked for no texts, and adding and removing numbers must not cost
strangers an SMS.
"""

from datetime import datetime, timedelta

from identity.contacts import consent, texts
from identity.models import EmergencyContact, User
from messaging.models import MessageClass
from messaging.outbox import outgoing

# A phone that is off may be switched on in the evening.
_DEADLINE = timedelta(hours=24)


def tell_contact(contact: EmergencyContact, person: User, *, now: datetime) -> None:
    """Text the contact that they were removed, if they had accepted. Call inside the transaction of the removal."""
    if contact.declined_at is None and consent.is_confirmed(contact):
        text = texts.removed(person, language=contact.language)
        _queue(str(contact.phone_number), text, contact.language, person, now=now)


def tell_person(contact: EmergencyContact, person: User, *, now: datetime) -> None:
    """Text the person that the contact is removed, even if they did it: somebody else may hold their phone."""
    text = texts.no_longer_contact(contact, language=person.language)
    _queue(str(person.phone_number), text, person.language, person, now=now)


def _queue(address: str, text: str, language: str, person: User, *, now: datetime) -> None:
    sms = outgoing.Outgoing(
        address=address,
        text=text,
        language=language,
        message_class=MessageClass.SAFETY,
        stands_alone=True,
        on_behalf_of=str(person.id),
        deadline_at=now + _DEADLINE,
    )
    outgoing.queue([sms], now=now)
