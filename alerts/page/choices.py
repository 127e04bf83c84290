"""Choices of a contact on their page: be no contact of this person, or get only an SOS. Both can be taken back.

The page replaces a reply by SMS: in many countries no SMS can be sent to our sender.

A contact who declines gets no more messages about this person, not even an SOS: to ask somebody who will not help costs
the time in which another contact would. The person gets an SMS about it at once. A contact who wants fewer SMS still
gets every SOS, as after an SMS with the word STOP.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models import TextChoices

from alerts.contacts import texts
from alerts.escalation import answers
from alerts.models import ContactLink, Notification, Via
from identity.consent_models import ConsentHow
from identity.contacts import consent
from identity.models import EmergencyContact, User
from messaging.models import MessageClass
from messaging.outbox import optouts, outgoing


class Choice(TextChoices):
    DECLINE = "decline"
    ACCEPT = "accept"
    ONLY_SOS = "only_sos"
    ALL_SMS = "all_sms"


class _Said(TypedDict):
    person_id: UUID
    how: ConsentHow
    language: str
    now: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """The choices in force. `is_contact`: the person still has a contact with a number that the alert's messages went
    to.

    `is_asked`: this contact has not confirmed. `only_sos`: one of the numbers has opted out of other SMS.
    """

    is_contact: bool
    has_declined: bool
    is_asked: bool
    only_sos: bool


def current_choices(link: ContactLink) -> Choices:
    numbers = _numbers(link)
    # Also a contact who only seems removed: they may not learn otherwise.
    contact = EmergencyContact.every.filter(phone_number__in=numbers, user=link.alert.owner_id).first()
    return Choices(
        is_contact=contact is not None,
        has_declined=contact is not None and contact.declined_at is not None,
        is_asked=contact is not None and not consent.is_confirmed(contact),
        only_sos=bool(optouts.refusing(numbers)),
    )


@transaction.atomic
def make(choice: Choice, *, link: ContactLink, language: str, now: datetime) -> None:
    """Put a choice in force for the numbers to which the alert's messages went: the contact may have another number by
    now.

    The same choice again changes nothing.
    """
    said: _Said = {"person_id": link.alert.owner_id, "how": ConsentHow.PAGE, "language": language, "now": now}
    match choice:
        case Choice.DECLINE:
            # First the answer: it locks the alert's row, as everywhere. Others are now called in this contact's place.
            with suppress(answers.AlertOver):
                answers.decline(alert_id=link.alert_id, contact_id=link.contact_id, via=Via.PAGE, now=now)
            for number in _numbers(link):
                declined = consent.decline(phone_number=number, **said)
                if declined is not None:
                    tell_person([declined], now=now)
        case Choice.ACCEPT:
            for number in _numbers(link):
                consent.accept(phone_number=number, **said)
        case Choice.ONLY_SOS:
            for number in _numbers(link):
                optouts.ask(number, reason=optouts.ASKED, now=now)
        case Choice.ALL_SMS:
            for number in _numbers(link):
                optouts.take_back(number)


def _numbers(link: ContactLink) -> list[str]:
    """The phone numbers to which the messages about this alert went to the contact, who may have another number now."""
    notifications = Notification.objects.filter(alert=link.alert_id, contact_id=link.contact_id)
    # Two forms of one number are one.
    return list(
        dict.fromkeys(str(number) for number in notifications.values_list("phone_number", flat=True).distinct())
    )


def tell_person(declined: Sequence[EmergencyContact], *, now: datetime) -> None:
    """Queue an SMS to the person of each contact, saying that this contact has declined. Call inside the transaction
    that stores the decline.
    """
    outgoing.queue([_declined(contact, contact.user) for contact in declined], now=now)


def _declined(contact: EmergencyContact, person: User) -> outgoing.Outgoing:
    text = texts.contact_declined(contact.name, str(contact.phone_number), language=person.language)
    return outgoing.Outgoing(
        address=str(person.phone_number),
        text=text,
        message_class=MessageClass.SAFETY,
        on_behalf_of=str(contact.id),
    )
