"""Choices of a contact on their page: be no contact of this person, or get only an SOS. Both can be taken back.

The page replaces a reply by SMS: in many countries no SMS can be sent to our sender.

A contact who declines gets no more messages about this person, not even an SOS: to ask somebody who will not help costs
the time in which another contact would. The person learns of it at once. A contact who wants fewer SMS still gets every
SOS, as after STOP.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import TextChoices

from alerts.contacts import texts
from alerts.escalation import answers
from alerts.models import ContactLink, Notification, Via
from identity.contacts import contacts
from identity.models import EmergencyContact
from messaging.models import MessageClass
from messaging.outbox import optouts, outgoing


class Choice(TextChoices):
    DECLINE = "decline"
    ACCEPT = "accept"
    ONLY_SOS = "only_sos"
    ALL_SMS = "all_sms"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """The choices in force. `is_contact`: the person still has this contact on their list."""

    is_contact: bool
    has_declined: bool
    only_sos: bool


def current_choices(link: ContactLink) -> Choices:
    contact = EmergencyContact.objects.filter(id=link.contact_id, user=link.alert.owner_id).first()
    return Choices(
        is_contact=contact is not None,
        has_declined=contact is not None and contact.declined_at is not None,
        only_sos=bool(optouts.refusing(_numbers(link))),
    )


@transaction.atomic
def make(choice: Choice, *, link: ContactLink, now: datetime) -> None:
    """Put a choice in force. The same choice again changes nothing."""
    owner_id = link.alert.owner_id
    match choice:
        case Choice.DECLINE:
            # First the answer: it locks the alert's row, as everywhere. Others are now called in this contact's place.
            with suppress(answers.AlertOver):
                answers.decline(alert_id=link.alert_id, contact_id=link.contact_id, via=Via.PAGE, now=now)
            declined = contacts.decline(person_id=owner_id, contact_id=link.contact_id, now=now)
            if declined is not None:
                _tell_owner(link, declined, now=now)
        case Choice.ACCEPT:
            contacts.accept(person_id=owner_id, contact_id=link.contact_id, now=now)
        case Choice.ONLY_SOS:
            for number in _numbers(link):
                optouts.ask(number, reason=optouts.ASKED, now=now)
        case Choice.ALL_SMS:
            for number in _numbers(link):
                optouts.take_back(number)


def _numbers(link: ContactLink) -> list[str]:
    """The numbers that this contact's link was sent to. The contact may have another number now."""
    notifications = Notification.objects.filter(alert=link.alert_id, contact_id=link.contact_id)
    return [str(number) for number in notifications.values_list("phone_number", flat=True).distinct()]


def _tell_owner(link: ContactLink, declined: EmergencyContact, *, now: datetime) -> None:
    owner = link.alert.owner
    text = texts.contact_declined(declined.name, language=owner.language)
    message = outgoing.Outgoing(
        address=str(owner.phone_number), text=text, message_class=MessageClass.SAFETY, on_behalf_of=str(declined.id)
    )
    outgoing.queue([message], now=now)
