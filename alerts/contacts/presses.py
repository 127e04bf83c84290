"""Counts an owner's alerts of the last hour. After WHOLE_ALERTS others, an alert has fewer messages.

No press is refused. A stranger must not ring somebody's telephone without end. A coercer who presses and cancels on the
owner's phone must not silence the next real press. So each alert has at least the first SMS and the first call to a
confirmed contact.
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
# An alert with this many alerts or more before it in the hour has the first SMS and the first call to each contact, no
# other message that asks for help.
WHOLE_ALERTS = 3
# With this many or more before it, the first SMS waits for WAIT. An alert that is cancelled sooner sends nothing, so a
# loop of presses costs nobody a night, and a contact does not switch off the phone that a later SOS needs.
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
    """An SQL expression for the INSERT of an alert: the number of its owner's alerts of the hour before, at most 100.

    Drills and silent alerts do not count. Open alerts, ended ones and alerts under duress count alike, so the owner's
    devices learn nothing from the count.
    """
    return RawSQL(_RAISED_BEFORE, (owner_id, now - COUNTED_FOR))  # noqa: S611  # a constant  # nosec B611


def is_whole(alert: SosAlert) -> bool:
    """Whether the alert has reminders, second rounds and calls as early as its policy says: fewer than WHOLE_ALERTS
    alerts came before it in the hour.
    """
    return alert.raised_before < WHOLE_ALERTS


def wait(alert: SosAlert) -> timedelta:
    """How long the first SMS of the alert waits: zero, or WAIT if PROMPT_ALERTS or more came before it in the hour."""
    return timedelta() if alert.raised_before < PROMPT_ALERTS else WAIT


def withheld(first: Sequence[Notification], *, now: datetime) -> set[UUID]:
    """Return the ids of the first SMS to withhold: the contact has not confirmed, and was told of TO_UNCONFIRMED alerts
    of this owner within A_DAY. Alarm the operator the first time for each owner and number.

    Counts by phone number, so that deleting a contact and adding it again changes nothing. Drills do not count. Silent
    alerts count by themselves: else a shown alert would tell how many there were. Takes no query if all have confirmed.
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
    """Return two counts by (owner id, phone number), each of alerts within A_DAY: those whose first SMS was not
    withheld, and all.
    """
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
    """Alarm the operator of each owner whose alert is the first of the hour that is not whole (`is_whole`)."""
    alarm_of_accounts({alert.owner_id for alert in alerts if alert.raised_before == WHOLE_ALERTS}, now=now)


def alarm_of_accounts(owner_ids: Iterable[UUID], *, now: datetime) -> None:
    """Alarm the operator of each of these owners: messages to their contacts are held back."""
    for owner_id in owner_ids:
        alarm("account_held_back", now=now, person_id=str(owner_id))
