"""Counts an owner's alerts: an account that raises alert after alert sends less for each. No press is refused.

A stranger must not ring somebody's telephone without end. A coercer who presses and cancels on the owner's phone must
not silence the press that counts. So the first SMS and the first call to a confirmed contact always remain.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.expressions import RawSQL

from alerts.models import Notification, NotificationKind, SosAlert
from messaging.operations.alarms import alarm
from messaging.outbox.refusals import Refusal

COUNTED_FOR = timedelta(hours=1)
# An alert with more alerts before it in the hour has the first SMS and the first call to each contact, no more.
WHOLE_ALERTS = 3
# With more before it, the first SMS waits for WAIT. An alert that is cancelled sooner sends nothing, so a loop of
# presses costs nobody a night, and a contact does not switch off the phone that a later SOS needs.
PROMPT_ALERTS = 10
WAIT = timedelta(seconds=20)
# A contact who has not confirmed is told of at most this many alerts in a day.
TO_UNCONFIRMED = 3
A_DAY = timedelta(days=1)

# The error code of an SMS that is not sent because its contact has not confirmed.
WITHHELD = Refusal.NOT_CONFIRMED

# The last 100 alerts are enough to count: an account with years of alerts costs an SOS no more than another one.
_RAISED_BEFORE = """
(SELECT count(*) FROM (
    SELECT created_at FROM alerts_sosalert WHERE owner_id = %s AND NOT is_drill AND NOT is_silent
    ORDER BY id DESC LIMIT 100
) last WHERE created_at > %s)
"""


def raised_before(owner_id: UUID, *, now: datetime) -> Any:
    """An expression for the INSERT of an alert: the alerts that its owner raised in the hour before, ended or not.

    An alert under duress counts as one that ended, so the count tells the owner's devices nothing.
    """
    return RawSQL(_RAISED_BEFORE, (owner_id, now - COUNTED_FOR))  # noqa: S611  # a constant  # nosec B611


def is_whole(alert: SosAlert) -> bool:
    """Whether the alert has reminders, second rounds and early calls."""
    return alert.raised_before < WHOLE_ALERTS


def wait(alert: SosAlert) -> timedelta:
    """How long the first SMS of the alert waits: not at all, unless many alerts were raised before it."""
    return timedelta() if alert.raised_before < PROMPT_ALERTS else WAIT


def withheld(first: Sequence[Notification], *, now: datetime) -> set[UUID]:
    """Return the ids of the notifications that are not sent: their contacts have not confirmed and were told before.

    Counts the owner's alerts of a day by phone number, so that deleting a contact and adding it again changes nothing.
    Silent alerts count by themselves: the owner's devices would show their number.
    Takes no query if everybody has confirmed.
    """
    unconfirmed = [each for each in first if not each.is_confirmed and not each.alert.is_drill]
    if not unconfirmed:
        return set()
    told, tried = _told(unconfirmed, now=now)
    beyond = [each for each in unconfirmed if told[_pair(each)] >= TO_UNCONFIRMED]
    alarm_of_accounts({each.alert.owner_id for each in beyond if tried[_pair(each)] == TO_UNCONFIRMED}, now=now)
    return {each.id for each in beyond}


def _told(
    unconfirmed: Sequence[Notification], *, now: datetime
) -> tuple[Counter[tuple[UUID, str]], Counter[tuple[UUID, str]]]:
    """(owner, number) -> the alerts of a day that were told, and all that were to be told."""
    earlier = Notification.objects.filter(
        alert__owner__in={each.alert.owner_id for each in unconfirmed},
        alert__created_at__gt=now - A_DAY,
        alert__is_drill=False,
        alert__is_silent=unconfirmed[0].alert.is_silent,
        phone_number__in={str(each.phone_number) for each in unconfirmed},
        kind=NotificationKind.SOS,
    )
    counted = earlier.order_by().values_list("alert__owner", "phone_number")
    rows = counted.annotate(told=Count("id", filter=~Q(message__error_code=WITHHELD)), tried=Count("id"))
    told, tried = Counter[tuple[UUID, str]](), Counter[tuple[UUID, str]]()
    for owner_id, number, told_times, tried_times in rows:
        # A number has two rows while it is stored in two forms.
        told[owner_id, str(number)] += told_times
        tried[owner_id, str(number)] += tried_times
    return told, tried


def _pair(notification: Notification) -> tuple[UUID, str]:
    return notification.alert.owner_id, str(notification.phone_number)


def alarm_at_limit(alerts: Iterable[SosAlert], *, now: datetime) -> None:
    """Alarm the operator of each account whose alerts are no longer whole, at the first that is not."""
    alarm_of_accounts({alert.owner_id for alert in alerts if alert.raised_before == WHOLE_ALERTS}, now=now)


def alarm_of_accounts(owner_ids: Iterable[UUID], *, now: datetime) -> None:
    for owner_id in owner_ids:
        alarm("account_held_back", now=now, person_id=str(owner_id))
