"""Emergency contacts, in the order in which they get an SOS. `order` is 0, 1, 2 … without gaps.

Every change locks the person's row first. So the limit, the unique numbers and the order hold when two devices change
contacts at the same time.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from identity import people
from identity.api import rates, versions
from identity.api.rates import Limit
from identity.contacts import consent, farewell, kept
from identity.errors import Conflict, InvalidField, NotFound
from identity.models import EmergencyContact, User
from identity.pins.pins import Proof
from identity.pins.protection import require
from messaging.outbox import optouts

# Each contact gets an SMS of every alert. A sender with 10 SMS a second reaches fifty contacts within five seconds.
MAX_CONTACTS = 50


class TooManyContacts(Conflict):
    code = "too_many_contacts"
    detail = f"There can be at most {MAX_CONTACTS} emergency contacts."


# Each contact added, and each number changed, may cost an SMS to a number that did not ask for it.
ADDED_A_DAY = Limit(scope="contacts added", times=60, window=timedelta(days=1))


def add(
    *,
    person_id: UUID,
    name: str,
    phone_number: str,
    now: datetime,
    relation: str = "",
    language: str | None = None,
    tell_of_duress: bool = True,
) -> EmergencyContact:
    """Add a contact at the end of the order and ask its number for consent. The default of `language` is the person's.

    Raises TooManyRequests, TooManyContacts, or InvalidField if the number is the person's own or of another contact.
    """
    may_text = _count_added(person_id, phone_number, now=now)
    with transaction.atomic():
        person = people.locked(person_id)
        order = person.contacts.count()
        if order >= MAX_CONTACTS:
            raise TooManyContacts
        _check_number(person, phone_number)
        kept.let_go(person, phone_number)
        contact = EmergencyContact(
            user=person,
            name=name,
            phone_number=phone_number,
            relation=relation,
            language=language or person.language,
            order=order,
            tell_of_duress=tell_of_duress,
            created_at=now,
        )
        consent.ask(contact, person, may_text=may_text, now=now)
        contact.save(force_insert=True)
    return contact


def change(
    *,
    person_id: UUID,
    contact_id: UUID,
    changes: Mapping[str, Any],
    if_match: Collection[str] | None,
    proof: Proof,
    now: datetime,
) -> EmergencyContact:
    """Change fields of a contact and return it. If the number changes, the new number is asked for its consent.

    The former number is told that it is no contact any more, if it had accepted. Under duress a hidden contact keeps
    the former number instead, if kept.py allows it. Raises NotFound, PinRequired, PreconditionFailed, TooManyRequests,
    or InvalidField about the number.
    """
    number = changes.get("phone_number")
    before = contact_of_person(person_id=person_id, contact_id=contact_id)
    require(proof)
    may_text = False
    if number is not None and number != str(before.phone_number):
        may_text = _count_added(person_id, number, now=now)
    with transaction.atomic():
        person = people.locked(person_id)
        contact = contact_of_person(person_id=person_id, contact_id=contact_id)
        versions.require(contact, if_match=if_match)
        before = copy(contact)
        is_other = number is not None and number != str(contact.phone_number)
        if number is not None:
            _check_number(person, number, except_for=contact)
        for field, value in changes.items():
            setattr(contact, field, value)
        if is_other:
            kept.let_go(person, str(contact.phone_number))
            consent.ask(contact, person, may_text=may_text, now=now)
        if proof is Proof.DURESS:
            contact.tell_of_duress = before.tell_of_duress and not is_other
        contact.save(update_fields=[*{*changes, "declined_at", "updated_at", "tell_of_duress"}])
        if is_other:
            _take_leave(before, person, proof=proof, now=now)
    return contact


def remove(*, person_id: UUID, contact_id: UUID, if_match: Collection[str] | None, proof: Proof, now: datetime) -> None:
    """Remove a contact; the contacts after them move up. The person is told, and the contact if they had accepted.

    Under duress the contact is hidden instead and told nothing, if kept.py allows it. Raises NotFound, PinRequired or
    PreconditionFailed.
    """
    with transaction.atomic():
        person = people.locked(person_id)
        contact = contact_of_person(person_id=person_id, contact_id=contact_id)
        require(proof)
        versions.require(contact, if_match=if_match)
        order = contact.order
        farewell.tell_person(contact, person, now=now)
        if not (proof is Proof.DURESS and kept.hide(contact)):
            farewell.tell_contact(contact, person, now=now)
            contact.delete()
        person.contacts.filter(order__gt=order).update(order=F("order") - 1)


def _take_leave(before: EmergencyContact, person: User, *, proof: Proof, now: datetime) -> None:
    """Tell the person and the number that the contact had before. Under duress hide a copy instead of telling it."""
    farewell.tell_person(before, person, now=now)
    if not (proof is Proof.DURESS and kept.hide_copy(before)):
        farewell.tell_contact(before, person, now=now)


def to_tell(*person_ids: UUID) -> QuerySet[EmergencyContact]:
    """The contacts that get an SOS of these people, in order: all except contacts who have declined.

    A contact who declined asked for no more messages about this person. `confirmed` of each says whether they accepted.
    """
    theirs = EmergencyContact.objects.filter(user_id__in=person_ids, declined_at=None).order_by("order")
    return theirs.annotate(confirmed=~consent.unconfirmed())  # type: ignore[no-redef]  # The model declares it.


def count_to_tell(person: str) -> Coalesce:
    """An expression for a query: the number of contacts that get an SOS of the person in the query's field `person`."""
    theirs = EmergencyContact.objects.filter(user=OuterRef(person), declined_at=None).order_by().values("user")
    return Coalesce(Subquery(theirs.annotate(count=Count("*")).values("count")), 0, output_field=IntegerField())


def remind(*, person_id: UUID, contact_id: UUID, now: datetime) -> EmergencyContact:
    """Text the invitation again to a contact who has not answered. Raises NotFound and errors of consent.remind."""
    with transaction.atomic():
        person = people.locked(person_id)
        contact = contact_of_person(person_id=person_id, contact_id=contact_id)
        consent.remind(contact, person, now=now)
    return contact


def reorder(*, person_id: UUID, contact_ids: Sequence[UUID], proof: Proof) -> list[EmergencyContact]:
    """Put the person's contacts in this order and return them.

    Raises PinRequired, or InvalidField unless `contact_ids` holds the id of each contact once.
    """
    require(proof)
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


def mark(found: Sequence[EmergencyContact]) -> None:
    """Set `refuses_sms` (its number has opted out of SMS) and `consent` of each contact. Takes two queries."""
    consent.mark(found)
    refusing = optouts.refusing(str(contact.phone_number) for contact in found)
    for contact in found:
        contact.refuses_sms = str(contact.phone_number) in refusing


def contact_of_person(*, person_id: UUID, contact_id: UUID) -> EmergencyContact:
    """The person's contact with this id. Raises NotFound, also for another person's contact."""
    contact = EmergencyContact.objects.filter(id=contact_id, user_id=person_id).first()
    if contact is None:
        raise NotFound
    return contact


def _count_added(person_id: UUID, phone_number: str, *, now: datetime) -> bool:
    """Count a new number against ADDED_A_DAY. Returns whether it gets an invitation. Raises TooManyRequests."""
    # A client that adds contacts without end wants to pump SMS, not to reach friends.
    rates.spend(ADDED_A_DAY, str(person_id), now=now)
    return consent.may_be_texted(person_id=person_id, phone_number=phone_number, now=now)


def _check_number(person: User, phone_number: str, *, except_for: EmergencyContact | None = None) -> None:
    if phone_number == str(person.phone_number):
        raise InvalidField("phone_number", "This is your own number.", code="own_number")
    same = person.contacts.filter(phone_number=phone_number)
    if except_for:
        same = same.exclude(id=except_for.id)
    if same.exists():
        raise InvalidField("phone_number", "A contact with this number exists.", code="duplicate")
