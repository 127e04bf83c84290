"""Emergency contacts, in the order in which they get an SOS. `order` is 0, 1, 2 … without gaps.

Every change locks the person's row first. So the limit, the unique numbers and the order hold when two devices change
contacts at the same time.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from identity import people
from identity.api import rates, versions
from identity.api.rates import Limit
from identity.errors import Conflict, InvalidField, NotFound
from identity.models import EmergencyContact, User
from messaging.outbox import optouts

# Each contact gets an SMS of every alert. A sender with 10 SMS a second reaches fifty contacts within five seconds.
MAX_CONTACTS = 50


class TooManyContacts(Conflict):
    code = "too_many_contacts"
    detail = f"There can be at most {MAX_CONTACTS} emergency contacts."


ADDED_A_DAY = Limit(scope="contacts added", times=100, window=timedelta(days=1))


def add(
    *,
    person_id: UUID,
    name: str,
    phone_number: str,
    now: datetime,
    relation: str = "",
    language: str | None = None,
) -> EmergencyContact:
    """Add a contact at the end of the order. The default of `language` is the person's language.

    Raises TooManyContacts, or InvalidField if the number is the person's own or that of another contact.
    """
    # A client that adds contacts without end wants to pump SMS, not to reach friends.
    rates.spend(ADDED_A_DAY, str(person_id), now=now)
    with transaction.atomic():
        person = people.locked(person_id)
        order = person.contacts.count()
        if order >= MAX_CONTACTS:
            raise TooManyContacts
        _check_number(person, phone_number)
        return person.contacts.create(
            name=name,
            phone_number=phone_number,
            relation=relation,
            language=language or person.language,
            order=order,
            created_at=now,
        )


def change(
    *, person_id: UUID, contact_id: UUID, changes: Mapping[str, str], if_match: Collection[str] | None
) -> EmergencyContact:
    """Change fields of a contact. Raises NotFound, PreconditionFailed, or InvalidField about the number."""
    with transaction.atomic():
        person = people.locked(person_id)
        contact = contact_of_person(person_id=person_id, contact_id=contact_id)
        versions.require(contact, if_match=if_match)
        if "phone_number" in changes:
            _check_number(person, changes["phone_number"], except_for=contact)
        for field, value in changes.items():
            setattr(contact, field, value)
        if "phone_number" in changes:
            contact.declined_at = None  # The reader of the old number declined, not the new one.
        contact.save(update_fields=[*changes, "declined_at", "updated_at"])
    return contact


def remove(*, person_id: UUID, contact_id: UUID, if_match: Collection[str] | None) -> None:
    """Remove a contact; the contacts after them move up. Raises NotFound or PreconditionFailed."""
    with transaction.atomic():
        person = people.locked(person_id)
        contact = contact_of_person(person_id=person_id, contact_id=contact_id)
        versions.require(contact, if_match=if_match)
        contact.delete()
        person.contacts.filter(order__gt=contact.order).update(order=F("order") - 1)


def to_tell(*person_ids: UUID) -> QuerySet[EmergencyContact]:
    """The contacts that get an SOS of these people, in order: all except contacts who have declined.

    A contact who declined asked for no more messages about this person.
    """
    return EmergencyContact.objects.filter(user_id__in=person_ids, declined_at=None).order_by("order")


def count_to_tell(person: str) -> Coalesce:
    """An expression for a query: the number of contacts that get an SOS of the person in the query's field `person`."""
    theirs = EmergencyContact.objects.filter(user=OuterRef(person), declined_at=None).order_by().values("user")
    return Coalesce(Subquery(theirs.annotate(count=Count("*")).values("count")), 0, output_field=IntegerField())


def decline(*, person_id: UUID, contact_id: UUID, now: datetime) -> EmergencyContact | None:
    """Store that the contact declines; returns the contact, or None if they had declined already or were removed."""
    willing = to_tell(person_id).filter(id=contact_id)
    # One conditional UPDATE, so that a double press counts once.
    declined = willing.update(declined_at=now, updated_at=now)
    return EmergencyContact.objects.filter(id=contact_id).first() if declined else None


def accept(*, person_id: UUID, contact_id: UUID, now: datetime) -> None:
    """Store that the contact has changed their mind and accepts again."""
    declined = EmergencyContact.objects.filter(user_id=person_id, id=contact_id).exclude(declined_at=None)
    declined.update(declined_at=None, updated_at=now)


def reorder(*, person_id: UUID, contact_ids: Sequence[UUID]) -> list[EmergencyContact]:
    """Put the contacts in this order. Raises InvalidField unless the ids are those of all contacts, once each."""
    with transaction.atomic():
        person = people.locked(person_id)
        contacts = {contact.id: contact for contact in person.contacts.all()}
        if len(contact_ids) != len(contacts) or set(contact_ids) != set(contacts):
            raise InvalidField("ids", "These are not exactly your contacts.", code="not_all_contacts")
        in_order = [contacts[contact_id] for contact_id in contact_ids]
        for order, contact in enumerate(in_order):
            contact.order = order
        EmergencyContact.objects.bulk_update(in_order, ["order"])
    return in_order


def mark_refusals(found: Sequence[EmergencyContact]) -> None:
    """Set `refuses_sms` of each contact: whether its number refuses our SMS. One query serves all."""
    refusing = optouts.refusing(str(contact.phone_number) for contact in found)
    for contact in found:
        contact.refuses_sms = str(contact.phone_number) in refusing


def contact_of_person(*, person_id: UUID, contact_id: UUID) -> EmergencyContact:
    """The person's contact with this id. Raises NotFound, also for another person's contact."""
    contact = EmergencyContact.objects.filter(id=contact_id, user_id=person_id).first()
    if contact is None:
        raise NotFound
    return contact


def _check_number(person: User, phone_number: str, *, except_for: EmergencyContact | None = None) -> None:
    if phone_number == str(person.phone_number):
        raise InvalidField("phone_number", "This is your own number.", code="own_number")
    same = person.contacts.filter(phone_number=phone_number)
    if except_for:
        same = same.exclude(id=except_for.id)
    if same.exists():
        raise InvalidField("phone_number", "A contact with this number exists.", code="duplicate")
