"""Contacts whom the person does not want told of duress: one of them may be the coercer.

For them an alert under duress has ended: they get the all-clear and no other message, their phones are not called, and
their page is that of an ended alert. Nobody is shown who they are: a coercer would learn whom the person distrusts.
"""

from collections.abc import Collection
from uuid import UUID

from alerts.models import FeignedEnd, Notification, SosAlert
from identity.models import EmergencyContact


def of_person(alert: SosAlert) -> list[UUID]:
    """The ids of the alert's contacts whom its owner, by the present settings, does not want told of duress.

    A contact who shares a phone number with one of them is one of them too.
    """
    marked = EmergencyContact.objects.filter(user=alert.owner_id, tell_of_duress=False)
    told = set(Notification.objects.filter(alert=alert).values_list("contact_id", "phone_number"))
    now = dict(marked.values_list("id", "phone_number"))
    # Compared decrypted: one number may be stored in two forms.
    phones = {*now.values(), *(phone for contact_id, phone in told if contact_id in now)}
    return sorted({contact_id for contact_id, phone in told if phone in phones})


def of_alert(alert: SosAlert) -> Collection[UUID]:
    """The ids of the contacts who are not told of the duress of this alert, as marked when the duress PIN was typed.
    Empty if there are none, or if the alert is not under duress.
    """
    end = _end(alert)
    return end.untold if end else ()


def end_for(alert: SosAlert, contact_id: UUID) -> FeignedEnd | None:
    """The pretended end of the alert, if this contact is not told of its duress; None: the contact may know of it."""
    end = _end(alert)
    return end if end and contact_id in end.untold else None


def as_ended(alert: SosAlert, end: FeignedEnd) -> SosAlert:
    """A copy of the alert, never saved, for contacts who are not told of its duress: it was ended by `end`."""
    facts = {field.attname: getattr(alert, field.attname) for field in SosAlert._meta.concrete_fields}
    place = {"latitude": end.latitude, "longitude": end.longitude, "address": end.address}
    ended = SosAlert(**facts | place | {"status": end.status, "ended_at": end.at, "duress_at": None})
    ended.owner = alert.owner
    return ended


def _end(alert: SosAlert) -> FeignedEnd | None:
    return FeignedEnd.objects.filter(alert=alert).first() if alert.duress_at else None
