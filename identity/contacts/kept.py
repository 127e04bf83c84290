"""Contacts that were removed, or whose number was replaced, with the duress PIN: hidden, and still asked for help.

The person's devices show them gone, as after the safe PIN. A silent alert (alerts/sos/silent.py) goes to them still. A
contact whom the person does not want told of duress is never kept: to them they are removed.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from identity.contacts import consent, farewell
from identity.models import EmergencyContact, User

# Hidden contacts of one person; beyond it a contact is removed. Their orders begin after those of all others.
_MOST, _FIRST_ORDER = 50, 1_000
_COPIED = ("user_id", "name", "phone_number", "relation", "language", "declined_at", "created_at", "tell_of_duress")


def hide(contact: EmergencyContact) -> bool:
    """Hide the contact instead of removing it. False: it is to be removed. The caller has locked the person."""
    order = _next_order(contact)
    if order is None:
        return False
    contact.is_kept, contact.order = True, order
    contact.save(update_fields=["is_kept", "order"])
    return True


def hide_copy(before: EmergencyContact) -> bool:
    """Keep the contact as it was before its number was replaced, under another id. Call it after that change.

    False: this contact is not kept.
    """
    order = _next_order(before)
    if order is None:
        return False
    fields = {name: getattr(before, name) for name in _COPIED}
    EmergencyContact(**fields, order=order, is_kept=True).save(force_insert=True)
    return True


def _next_order(contact: EmergencyContact) -> int | None:
    """The order of the next hidden contact. None: this contact is not kept."""
    orders = list(_kept(contact.user_id).values_list("order", flat=True))
    return max(orders, default=_FIRST_ORDER) + 1 if contact.tell_of_duress and len(orders) < _MOST else None


def let_go(person: User, phone_number: str) -> None:
    """Drop the hidden contact with this number: a shown contact takes its place."""
    _kept(person.id).filter(phone_number=phone_number).delete()


def to_tell(*person_ids: UUID) -> QuerySet[EmergencyContact]:
    """The hidden contacts of these people who have not declined, in order. `confirmed`: whether they accepted."""
    theirs = EmergencyContact.every.filter(user__in=person_ids, is_kept=True, declined_at=None).order_by("order")
    return theirs.annotate(confirmed=~consent.unconfirmed())  # type: ignore[no-redef]  # The model declares it.


def settle(person_id: UUID, *, now: datetime) -> None:
    """Remove the hidden contacts and tell them so: the safe PIN makes true what the devices show."""
    for contact in _kept(person_id).select_related("user"):
        farewell.tell_contact(contact, contact.user, now=now)
        contact.delete()


def _kept(person_id: UUID) -> QuerySet[EmergencyContact]:
    return EmergencyContact.every.filter(user_id=person_id, is_kept=True)
