"""Adds, changes and removes a person's zones, under a lock of the person's row of Whereabouts. Evaluation takes that
lock too.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from geo import keptzones
from geo.models import GeoZone, Whereabouts, ZoneEvent
from identity.api import versions
from identity.errors import Conflict, InvalidField, NotFound
from identity.models import EmergencyContact
from identity.pins import protection
from identity.pins.pins import Proof

# Fields that say where a zone is. The others say who is told, and when.
OUTLINE = ("shape", "latitude", "longitude", "radius_m", "ring")


class TooManyZones(Conflict):
    code = "too_many_zones"
    detail = "There are as many zones as this person may have."


def locked(person_id: UUID) -> Whereabouts:
    """Lock the person's row of Whereabouts, made if it is missing, and return it. The person's zones then change one
    request at a time, and never during an evaluation.
    """
    Whereabouts.objects.get_or_create(person_id=person_id)
    return Whereabouts.objects.select_for_update(no_key=True).get(person_id=person_id)


def changed(whereabouts: Whereabouts) -> None:
    """Raise `zones_version`, so that evaluation does not use the cached zones of the old version. Saves the row."""
    whereabouts.zones_version += 1
    whereabouts.save(update_fields=["zones_version"])


@transaction.atomic
def add(*, person_id: UUID, fields: Mapping[str, Any], now: datetime) -> GeoZone:
    """Add a zone and return it.

    Raises TooManyZones, or InvalidField if a contact in `contact_ids` is not the person's.
    """
    whereabouts = locked(person_id)
    require_room(person_id, wanted=GeoZone.objects.filter(owner_id=person_id).count() + 1)
    check_contacts(person_id, fields.get("contact_ids"))
    zone = GeoZone.objects.create(owner_id=person_id, **fields, placed_at=now, created_at=now, updated_at=now)
    changed(whereabouts)
    return zone


@transaction.atomic
def change(
    *,
    person_id: UUID,
    zone_id: UUID,
    changes: Mapping[str, Any],
    if_match: Collection[str] | None,
    proof: Proof,
    now: datetime,
) -> GeoZone:
    """Change fields of a zone; return the zone. With the duress PIN a weakened zone goes on as it was, hidden
    (keptzones.py).

    Raises NotFound, PreconditionFailed if the client has an older version, InvalidField about `contact_ids`, or
    PinRequired for a change after which contacts may be told of less.
    """
    whereabouts = locked(person_id)
    zone = zone_of_person(person_id=person_id, zone_id=zone_id)
    require(zone, if_match=if_match)
    check_contacts(person_id, changes.get("contact_ids"))
    if keptzones.weakens(zone, changes):
        protection.require(proof)
        if proof is Proof.DURESS:
            keptzones.hide_copy(zone, whereabouts)
    rewrite(zone, changes, now=now)
    changed(whereabouts)
    return zone


@transaction.atomic
def remove(*, person_id: UUID, zone_id: UUID, if_match: Collection[str] | None, proof: Proof) -> None:
    """Delete the zone; its events stay. With the duress PIN the zone goes on, hidden (keptzones.py).

    Raises NotFound, PinRequired or PreconditionFailed.
    """
    whereabouts = locked(person_id)
    zone = zone_of_person(person_id=person_id, zone_id=zone_id)
    protection.require(proof)
    require(zone, if_match=if_match)
    if proof is not Proof.DURESS or keptzones.hide([zone]):
        zone.delete()
    changed(whereabouts)


@transaction.atomic
def settle(person_id: UUID) -> None:
    """Delete the person's hidden zones (keptzones.py), so that contacts are told only of the zones that are shown."""
    if GeoZone.every.filter(owner_id=person_id, is_kept=True).exists():
        whereabouts = locked(person_id)
        GeoZone.every.filter(owner_id=person_id, is_kept=True).delete()
        changed(whereabouts)


def rewrite(zone: GeoZone, changes: Mapping[str, Any], *, now: datetime) -> None:
    """Set these fields of the zone and save it. If the outline (OUTLINE) changes, the person's presence in the zone
    becomes unknown.
    """
    if any(getattr(zone, name) != changes[name] for name in OUTLINE if name in changes):
        zone.placed_at = now
    for name, value in changes.items():
        setattr(zone, name, value)
    zone.version += 1
    zone.updated_at = now
    zone.save()


def zone_of_person(*, person_id: UUID, zone_id: UUID) -> GeoZone:
    """Return this zone of the person. Raises NotFound, also for another person's zone."""
    zone = GeoZone.objects.filter(id=zone_id, owner_id=person_id).first()
    if zone is None:
        raise NotFound
    return zone


def events_in(*, person_id: UUID, zone_id: UUID) -> QuerySet[ZoneEvent]:
    """The person's events in a zone, which may have been removed. Raises NotFound if there is neither such a zone nor
    an event of it.
    """
    events = ZoneEvent.objects.filter(owner_id=person_id, zone_id=zone_id)
    if not events.exists():
        zone_of_person(person_id=person_id, zone_id=zone_id)
    return events


def require_room(person_id: UUID, *, wanted: int) -> None:
    if wanted > settings.ZONES_PER_PERSON:
        raise TooManyZones


def etag_of(row: Any) -> str:
    """The ETag of a row that has an id and a version, which every change raises."""
    return versions.etag([str(row.id), str(row.version)])


def require(row: Any, *, if_match: Collection[str] | None) -> None:
    """Raise PreconditionFailed if the client has an older version of the row. Lock the row before this call.

    `if_match` None accepts any version.
    """
    versions.require_etag(etag_of(row), if_match=if_match)


def check_contacts(person_id: UUID, contact_ids: Collection[UUID] | None) -> None:
    """Raise InvalidField unless all these contacts are the person's."""
    if contact_ids:
        known = EmergencyContact.objects.filter(user_id=person_id, id__in=contact_ids).count()
        if known != len(set(contact_ids)):
            raise InvalidField("contact_ids", "Not all are your contacts.", code="not_your_contact")
