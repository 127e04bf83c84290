"""Stores zone events with the facts that decided them, and texts the contacts whom the zone chooses, unless there is a
reason not to (Told).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from geo import policy, schedules, texts
from geo.models import Direction, Told, ZoneEvent
from geo.presence import Decision
from geo.zonesets import Zone
from identity.contacts import consent, kept
from identity.contacts.contacts import to_tell
from identity.models import EmergencyContact, User
from messaging.models import MessageClass
from messaging.outbox import outgoing


class StoredFix(NamedTuple):
    """A row of geo_fix as evaluation reads it."""

    at: datetime
    id: UUID
    latitude: float
    longitude: float
    accuracy_m: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """One zone event to be stored: the zone, the decision (entered or left), and the fix that showed it."""

    zone: Zone
    fix: StoredFix
    accuracy_m: float
    decision: Decision


def tell(happened: Sequence[Happening], *, person_id: UUID, now: datetime) -> int:
    """Store the zone events, and queue messages to the confirmed contacts that each zone's settings choose.

    Runs in the caller's transaction. Returns the number of events, also of those that nobody is told of.
    """
    if not happened:
        return 0
    person = User.objects.get(id=person_id)
    everybody = [*to_tell(person_id), *kept.to_tell(person_id)]
    contacts = [contact for contact in everybody if consent.is_confirmed(contact)]
    for happening in happened:
        _record(happening, person, contacts, now=now)
    return len(happened)


def _record(happening: Happening, person: User, contacts: Sequence[EmergencyContact], *, now: datetime) -> None:
    zone, fix, decision = happening.zone, happening.fix, happening.decision
    chosen = [c for c in contacts if zone.contact_ids is None or c.id in zone.contact_ids]
    shown = [contact for contact in chosen if not contact.is_kept]
    told = _told(happening, has_contacts=bool(shown), now=now)
    queued = _queue(happening, person, shown, now=now) if told is Told.TOLD else []
    # The person's devices show no message to contacts who were removed under duress.
    if _told(happening, has_contacts=len(chosen) > len(shown), now=now) is Told.TOLD:
        _queue(happening, person, [contact for contact in chosen if contact.is_kept], now=now)
    ZoneEvent.objects.create(
        owner=person,
        zone_id=zone.id,
        zone_name=zone.name,
        direction=_direction(decision),
        fix_id=fix.id,
        fix_at=fix.at,
        latitude=fix.latitude,
        longitude=fix.longitude,
        accuracy_m=happening.accuracy_m,
        rule=decision.rule,
        distance_m=round(decision.distance_m, 1),
        margin_m=round(decision.margin_m, 1),
        fixes=decision.fixes,
        crossed_at=datetime.fromtimestamp(decision.crossed_at, tz=UTC),
        decided_at=now,
        told=told,
        message_ids=queued,
        is_kept=zone.is_kept,
    )


def _told(happening: Happening, *, has_contacts: bool, now: datetime) -> Told:
    zone, decision, at = happening.zone, happening.decision, happening.fix.at
    reasons = {
        Told.NOT_WANTED: not (zone.notify_on_enter if decision.inside else zone.notify_on_exit),
        Told.LATE: at < now - policy.LATE_AFTER,
        Told.COOL_DOWN: decision.is_quiet,
        Told.OUTSIDE_SCHEDULE: not schedules.is_open(zone.schedule, at=at),
        Told.NO_CONTACTS: not has_contacts,
    }
    return next((reason for reason, holds in reasons.items() if holds), Told.TOLD)


def _queue(happening: Happening, person: User, chosen: Sequence[EmergencyContact], *, now: datetime) -> list[int]:
    compose = texts.entered if happening.decision.inside else texts.left
    messages = outgoing.queue(
        [
            outgoing.Outgoing(
                address=str(contact.phone_number),
                text=compose(person, zone=happening.zone.name, language=contact.language),
                language=contact.language,
                message_class=MessageClass.SAFETY,
                on_behalf_of=str(person.id),
                rank=contact.order,
                deadline_at=now + policy.MESSAGE_DEADLINE,
            )
            for contact in chosen
        ],
        now=now,
    )
    return [message.id for message in messages]


def _direction(decision: Decision) -> Direction:
    return Direction.ENTER if decision.inside else Direction.EXIT
