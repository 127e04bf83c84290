"""Contacts that were removed, or whose number was replaced, with the duress PIN: hidden, and still asked for help.

The owner's devices do not show them, as after the safe PIN. A silent alert (alerts/sos/silent.py) still goes to them. A
contact without `tell_of_duress` is never hidden but removed.
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
    """Hide the contact. False if `_next_order` forbids it: the caller then removes it. Lock the person before."""
    order = _next_order(contact)
    if order is None:
        return False
    contact.is_kept, contact.order = True, order
    contact.save(update_fields=["is_kept", "order"])
    return True


def hide_copy(before: EmergencyContact) -> bool:
    """Keep the old number of a contact whose number was replaced with the duress PIN: it is still asked for help.

    Stores the contact as it was `before`, as a hidden contact with a new id. Call it after the change is saved. False
    if it cannot be hidden (`_next_order`); then nothing is stored.
    """
    order = _next_order(before)
    if order is None:
        return False
    fields = {name: getattr(before, name) for name in _COPIED}
    EmergencyContact(**fields, order=order, is_kept=True).save(force_insert=True)
    return True


def _next_order(contact: EmergencyContact) -> int | None:
    """The `order` for this contact if it is hidden. None: it has no `tell_of_duress`, or _MOST contacts are hidden."""
    orders = list(_kept(contact.user_id).values_list("order", flat=True))
    return max(orders, default=_FIRST_ORDER) + 1 if contact.tell_of_duress and len(orders) < _MOST else None


def let_go(person: User, phone_number: str) -> None:
    """Delete the hidden contact with this number, if there is one, to make room for a shown contact with it."""
    _kept(person.id).filter(phone_number=phone_number).delete()


def to_tell(*person_ids: UUID) -> QuerySet[EmergencyContact]:
    """The hidden contacts of these people who have not declined, in order. `confirmed`: whether they accepted."""
    theirs = EmergencyContact.every.filter(user__in=person_ids, is_kept=True, declined_at=None).order_by("order")
    return theirs.annotate(confirmed=~consent.unconfirmed())  # type: ignore[no-redef]  # The model declares it.


def settle(person_id: UUID, *, now: datetime) -> None:
    """Delete the person's hidden contacts after the safe PIN, and tell those who accepted that they are removed."""
    for contact in _kept(person_id).select_related("user"):
        farewell.tell_contact(contact, contact.user, now=now)
        contact.delete()


def _kept(person_id: UUID) -> QuerySet[EmergencyContact]:
    return EmergencyContact.every.filter(user_id=person_id, is_kept=True)
