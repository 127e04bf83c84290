"""The people someone trusts, in the order they are told. Places are 0, 1, 2 … without gaps.

Every change locks the person's row first, so that the limit, the uniqueness and the order hold under concurrency.
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

# Each one is an SMS of every alert: at a sender's 10 a second, fifty are told within five seconds.
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
    """Add a contact at the end; without a language they get the person's.

    Raises TooManyContacts, or InvalidField when the number is the person's own or already among them.
    """
    # Whoever changes contacts without end has an SMS pump in mind, not friends.
    rates.spend(ADDED_A_DAY, str(person_id), now=now)
    with transaction.atomic():
        user = people.locked(person_id)
        place = user.contacts.count()
        if place >= MAX_CONTACTS:
            raise TooManyContacts
        _check_number(user, phone_number)
        return user.contacts.create(
            name=name,
            phone_number=phone_number,
            relation=relation,
            language=language or user.language,
            order=place,
            created_at=now,
        )


def change(
    *, person_id: UUID, contact_id: UUID, changes: Mapping[str, str], if_match: Collection[str] | None
) -> EmergencyContact:
    """Raises NotFound, PreconditionFailed, or InvalidField about the number."""
    with transaction.atomic():
        user = people.locked(person_id)
        contact = of_person(person_id=person_id, contact_id=contact_id)
        versions.require(contact, if_match=if_match)
        if "phone_number" in changes:
            _check_number(user, changes["phone_number"], except_for=contact)
        for field, value in changes.items():
            setattr(contact, field, value)
        if "phone_number" in changes:
            contact.declined_at = None  # It was whoever has the old number who declined.
        contact.save(update_fields=[*changes, "declined_at", "updated_at"])
    return contact


def remove(*, person_id: UUID, contact_id: UUID, if_match: Collection[str] | None) -> None:
    """Remove a contact; those after them move up. Raises NotFound or PreconditionFailed."""
    with transaction.atomic():
        user = people.locked(person_id)
        contact = of_person(person_id=person_id, contact_id=contact_id)
        versions.require(contact, if_match=if_match)
        contact.delete()
        user.contacts.filter(order__gt=contact.order).update(order=F("order") - 1)


def to_tell(*person_ids: UUID) -> QuerySet[EmergencyContact]:
    """Whom an SOS of these people goes to, in each one's order: all but those who have declined, and so asked for no
    word of this person."""
    return EmergencyContact.objects.filter(user_id__in=person_ids, declined_at=None).order_by("order")


def counted(person: str) -> Coalesce:
    """For a query: how many contacts an SOS of the person in its field `person` goes to."""
    theirs = EmergencyContact.objects.filter(user=OuterRef(person), declined_at=None).order_by().values("user")
    return Coalesce(Subquery(theirs.annotate(count=Count("*")).values("count")), 0, output_field=IntegerField())


def decline(*, person_id: UUID, contact_id: UUID, now: datetime) -> EmergencyContact | None:
    """The contact does not want to be one; returns them, or None when that was known, or they are one no longer."""
    willing = to_tell(person_id).filter(id=contact_id)
    # One conditional UPDATE: of two presses one counts.
    declined = willing.update(declined_at=now, updated_at=now)
    return EmergencyContact.objects.filter(id=contact_id).first() if declined else None


def accept(*, person_id: UUID, contact_id: UUID, now: datetime) -> None:
    """The contact has thought better of it."""
    declined = EmergencyContact.objects.filter(user_id=person_id, id=contact_id).exclude(declined_at=None)
    declined.update(declined_at=None, updated_at=now)


def reorder(*, person_id: UUID, contact_ids: Sequence[UUID]) -> list[EmergencyContact]:
    """Put the contacts in this order. Raises InvalidField unless the ids are all of them, once each."""
    with transaction.atomic():
        user = people.locked(person_id)
        contacts = {contact.id: contact for contact in user.contacts.all()}
        if len(contact_ids) != len(contacts) or set(contact_ids) != set(contacts):
            raise InvalidField("ids", "These are not exactly your contacts.", code="not_all_contacts")
        in_order = [contacts[contact_id] for contact_id in contact_ids]
        for place, contact in enumerate(in_order):
            contact.order = place
        EmergencyContact.objects.bulk_update(in_order, ["order"])
    return in_order


def mark_refusals(found: Sequence[EmergencyContact]) -> None:
    """Say of each contact whether its number refuses our SMS: one query for all."""
    refusing = optouts.refusing(str(contact.phone_number) for contact in found)
    for contact in found:
        contact.refuses_sms = str(contact.phone_number) in refusing


def of_person(*, person_id: UUID, contact_id: UUID) -> EmergencyContact:
    """Raises NotFound, also for another person's contact."""
    contact = EmergencyContact.objects.filter(id=contact_id, user_id=person_id).first()
    if contact is None:
        raise NotFound
    return contact


def _check_number(user: User, phone_number: str, *, except_for: EmergencyContact | None = None) -> None:
    if phone_number == str(user.phone_number):
        raise InvalidField("phone_number", "This is your own number.", code="own_number")
    same = user.contacts.filter(phone_number=phone_number)
    if except_for:
        same = same.exclude(id=except_for.id)
    if same.exists():
        raise InvalidField("phone_number", "A contact with this number exists.", code="duplicate")
