"""Silent alerts: under duress from the beginning, and hidden from the owner's devices.

There are four causes: the duress PIN is typed for something that is no alert (`warn`); somebody presses on a device
that is shown revoked (`press`); a kept timer ends (`for_timer`); an owner with kept contacts or a kept policy raises an
alert (`stand_beside`). In the last case the silent alert asks the contacts whom the shown alert leaves out: the shown
alert is then the same as after the safe PIN. "Kept" means hidden from the owner's devices since the duress PIN.

Contacts whom the owner does not want told of duress are never asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from alerts.contacts import notifying, presses
from alerts.escalation import plan
from alerts.models import (
    ENDED,
    OPEN,
    ActivityTimer,
    AlertKind,
    AlertStatus,
    EventKind,
    FeignedEnd,
    KeptPolicy,
    Notification,
    SosAlert,
    TimerStatus,
)
from alerts.positions import track
from alerts.positions.track import Position
from alerts.sos import closing
from alerts.timeline import journal
from geo import history
from identity import people
from identity.contacts import contacts, kept
from identity.models import EmergencyContact, User
from messaging.database.sql import rows
from messaging.models import MessageClass
from messaging.operations.alarms import alarm

log = structlog.get_logger(__name__)

# While the last silent alert of a duress PIN is open and younger, another typed PIN raises no second one.
ENOUGH_FOR = timedelta(hours=1)
_LAST_SEEN = timedelta(days=1)

_KEEPERS = """
SELECT p.id FROM unnest(%s::uuid[]) AS p (id)
WHERE EXISTS (SELECT FROM identity_emergencycontact c WHERE c.user_id = p.id AND c.is_kept AND c.declined_at IS NULL)
    OR EXISTS (SELECT FROM alerts_keptpolicy k WHERE k.owner_id = p.id)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """The cause of a silent alert. `contact_ids`: the contacts that a timer names; empty: all contacts of the owner."""

    owner: User
    place: Position | None = None
    address: str = ""
    kind: AlertKind = AlertKind.SOS
    contact_ids: Sequence[UUID] = ()


def warn(person_id: UUID, *, is_duress: bool, now: datetime) -> None:
    """Raise a silent alert and alarm the operator because the duress PIN was typed, unless an open silent alert is
    younger than ENOUGH_FOR.

    For any other PIN do the same work and roll it back, so that the time does not tell which PIN it was. Call inside a
    transaction.
    """
    person = people.locked(person_id)
    is_wanted = is_duress and _open_one(person, now=now) is None
    with transaction.atomic():
        alert = _raise(Cause(owner=person, place=_last_seen(person, now=now)), _truly(person), now=now)
        transaction.set_rollback(not is_wanted)
    if is_wanted:
        alarm("duress", now=now, alert_id=str(alert.id))


def settle(person_id: UUID, *, now: datetime) -> None:
    """Resolve the person's silent alerts, with an all-clear, and delete the kept timers and the kept policy.

    Called when the safe PIN makes true what the devices show. Call inside a transaction.
    """
    KeptPolicy.objects.filter(owner=person_id).delete()
    ActivityTimer.objects.filter(owner=person_id, status=TimerStatus.ARMED).exclude(kept_of=None).delete()
    for alert in SosAlert.objects.filter(owner=person_id, is_silent=True).exclude(status__in=ENDED).order_by("id"):
        closing.close(alert_id=alert.id, owner=people.locked(person_id), to=AlertStatus.RESOLVED, now=now)


def press(cause: Cause, *, now: datetime) -> tuple[SosAlert, bool]:
    """Raise a silent alert for a press on a device that is shown revoked, or move the open one to the press's position.

    Returns the alert, and whether it is new. An open alert older than ENOUGH_FOR does not count. Call in a transaction.
    """
    people.locked(cause.owner.id)
    alert = _open_one(cause.owner, now=now)
    if alert is None:
        return raise_one(cause, _truly(cause.owner), now=now), True
    if cause.place:
        alert.latitude, alert.longitude, alert.updated_at = cause.place.latitude, cause.place.longitude, now
        alert.save(update_fields=["latitude", "longitude", "updated_at"])
        track.record_positions([(alert.id, cause.place)], now=now)
    return alert, False


def _open_one(person: User, *, now: datetime) -> SosAlert | None:
    open_ones = SosAlert.objects.filter(owner=person, is_silent=True, beside=None, status__in=OPEN)
    return open_ones.filter(created_at__gt=now - ENOUGH_FOR).order_by("-id").first()


def raise_one(
    cause: Cause, asked: Iterable[EmergencyContact], *, beside: UUID | None = None, now: datetime
) -> SosAlert:
    """Raise a silent alert, ask these contacts for help, alarm the operator, and return the alert.

    Contacts whom the owner does not want told of duress are left out. `beside` is the id of the shown alert.
    """
    alert = _raise(cause, asked, beside=beside, now=now)
    alarm("duress", now=now, alert_id=str(alert.id))
    return alert


def _raise(cause: Cause, asked: Iterable[EmergencyContact], *, beside: UUID | None = None, now: datetime) -> SosAlert:
    alert = SosAlert.objects.create(
        owner=cause.owner,
        latitude=cause.place.latitude if cause.place else None,
        longitude=cause.place.longitude if cause.place else None,
        address=cause.address,
        kind=cause.kind,
        is_silent=True,
        beside=beside,
        duress_at=now,
        created_at=now,
        updated_at=now,
    )
    _feign_end(alert, now=now)
    if cause.place:
        track.record_positions([(alert.id, cause.place)], now=now)
    journal.record(alert.id, EventKind.DURESS, by=journal.OWNER, now=now)
    told = _ask(alert, asked, now=now)
    plan.write([alert], told, now=now)
    return alert


def for_timer(cause: Cause, *, now: datetime) -> SosAlert:
    """Raise the silent alert of a kept timer whose grace period has ended; return the alert.

    It asks the contacts that the timer names and all kept contacts. If the timer names nobody, or these are nobody, it
    asks every contact.
    """
    everybody = _truly(cause.owner)
    named = [contact for contact in everybody if contact.id in cause.contact_ids or contact.is_kept]
    return raise_one(cause, named if cause.contact_ids and named else everybody, now=now)


def stand_beside(alerts: Sequence[SosAlert], *, now: datetime) -> None:
    """Raise a silent alert beside each of these new alerts whose owner has kept contacts or a kept policy.

    For other owners this takes one statement. If a silent alert fails, the error is logged and its alert stays raised.
    """
    owners = {person_id for (person_id,) in rows(_KEEPERS, [[alert.owner_id for alert in alerts]])} if alerts else ()
    for alert in (alert for alert in alerts if alert.owner_id in owners):
        try:
            with transaction.atomic():
                _stand_beside(alert, now=now)
        except Exception:
            log.exception("no_silent_alert_beside", alert_id=str(alert.id))


def _stand_beside(alert: SosAlert, *, now: datetime) -> None:
    asked = list(kept.to_tell(alert.owner_id))
    if KeptPolicy.objects.filter(owner=alert.owner_id).exists():
        asked += contacts.to_tell(alert.owner_id)
    cause = Cause(owner=alert.owner, place=_place(alert), address=alert.address, kind=AlertKind(alert.kind))
    raise_one(cause, asked, beside=alert.id, now=now)


def _place(alert: SosAlert) -> Position | None:
    if alert.latitude is None or alert.longitude is None:
        return None
    return Position(latitude=alert.latitude, longitude=alert.longitude)


def _ask(alert: SosAlert, asked: Iterable[EmergencyContact], *, now: datetime) -> list[Notification]:
    marked = EmergencyContact.every.filter(user=alert.owner, tell_of_duress=False)
    untold = {str(number) for number in marked.values_list("phone_number", flat=True)}
    told = [notifying.first(alert, contact) for contact in asked if str(contact.phone_number) not in untold]
    withheld = presses.withheld(told, now=now)
    return notifying.queue_help_texts(told, message_class=MessageClass.EMERGENCY, withheld=withheld, now=now)


def _truly(person: User) -> list[EmergencyContact]:
    """The contacts who get an SOS of the person: those that the devices show, and the kept ones."""
    return [*contacts.to_tell(person.id), *kept.to_tell(person.id)]


def _feign_end(alert: SosAlert, *, now: datetime) -> None:
    """Store a snapshot without messages, because every alert under duress needs one. Nobody is shown this one."""
    FeignedEnd.objects.create(
        alert=alert,
        status=AlertStatus.CANCELLED,
        at=now,
        latitude=alert.latitude,
        longitude=alert.longitude,
        address=alert.address,
        states={},
        last_event_id=0,
    )


def _last_seen(person: User, *, now: datetime) -> Position | None:
    fix = history.latest(owner_id=person.id, now=now, kept_for=_LAST_SEEN)
    if fix is None:
        return None
    return Position(latitude=fix.latitude, longitude=fix.longitude, accuracy_m=fix.accuracy_m, at=fix.at)
