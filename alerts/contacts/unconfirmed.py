"""What contacts get who were asked for consent and have not accepted: a few alerts a day, one call each, no drills.

A life comes first, so an SOS reaches them. The bounds keep an account from pestering a number that knows nothing of it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Count

from alerts.models import Notification, NotificationKind
from identity.contacts import consent
from identity.models import EmergencyContact

# Alerts of one person in 24 hours that a number gets which has not accepted.
ALERTS_A_DAY = 3


def may_be_told(contacts: Sequence[EmergencyContact], *, is_drill: bool, now: datetime) -> list[EmergencyContact]:
    """The contacts of these whom a new alert may ask for help. Takes a query only if some have not accepted."""
    waiting = [contact for contact in contacts if not consent.is_confirmed(contact)]
    if not waiting:
        return list(contacts)
    had_enough = {contact.id for contact in waiting} if is_drill else _had_enough(waiting, now=now)
    return [contact for contact in contacts if contact.id not in had_enough]


def _had_enough(waiting: Sequence[EmergencyContact], *, now: datetime) -> set[object]:
    told = Notification.objects.filter(
        kind=NotificationKind.SOS,
        alert__is_drill=False,
        alert__owner__in={contact.user_id for contact in waiting},
        alert__created_at__gt=now - timedelta(days=1),
        phone_number__in={str(contact.phone_number) for contact in waiting},
    )
    counted = told.values_list("alert__owner", "phone_number").annotate(Count("alert", distinct=True)).order_by()
    alerts = {(owner, str(number)): count for owner, number, count in counted}
    return {c.id for c in waiting if alerts.get((c.user_id, str(c.phone_number)), 0) >= ALERTS_A_DAY}
