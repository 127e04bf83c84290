"""Named sets of zones (blueprints): saved from a person's zones, or written by hand. A blueprint is applied as a whole
or not at all.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from geo import keptzones, policy, zones
from geo.models import Blueprint, GeoZone, Whereabouts
from identity.errors import Conflict, NotFound
from identity.models import EmergencyContact
from identity.pins import protection
from identity.pins.pins import Proof

FIELDS = (
    *("name", "zone_type", *zones.OUTLINE, "notify_on_enter", "notify_on_exit", "schedule", "contact_ids"),
    "is_active",
)


class TooManyBlueprints(Conflict):
    code = "too_many_blueprints"
    detail = f"There can be at most {policy.MAX_BLUEPRINTS} blueprints."


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneChange:
    zone: GeoZone
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The changes that applying a blueprint made, or would make in a dry run. A blueprint's zone and a person's zone
    with the same name count as the same zone.
    """

    added: list[GeoZone] = field(default_factory=list)
    changed: list[ZoneChange] = field(default_factory=list)
    removed: list[GeoZone] = field(default_factory=list)
    unchanged: list[GeoZone] = field(default_factory=list)


@transaction.atomic
def add(*, person_id: UUID, name: str, wanted: Iterable[Mapping[str, Any]], now: datetime) -> Blueprint:
    """Save these zones as a blueprint and return it. Raises TooManyBlueprints, TooManyZones, or InvalidField if a zone
    names a contact who is not the person's.
    """
    zones.locked(person_id)
    if Blueprint.objects.filter(owner_id=person_id).count() >= policy.MAX_BLUEPRINTS:
        raise TooManyBlueprints
    kept = _storable(person_id, wanted)
    return Blueprint.objects.create(owner_id=person_id, name=name, zones=kept, created_at=now, updated_at=now)


def add_from_current(*, person_id: UUID, name: str, now: datetime) -> Blueprint:
    """Save the person's present zones as a blueprint and return it. Raises TooManyBlueprints or TooManyZones."""
    with transaction.atomic():
        zones.locked(person_id)
        current = [fields_of(zone) for zone in GeoZone.objects.filter(owner_id=person_id).order_by("id")]
        return add(person_id=person_id, name=name, wanted=_usable(person_id, current), now=now)


@transaction.atomic
def change(
    *, person_id: UUID, blueprint_id: UUID, changes: Mapping[str, Any], if_match: Collection[str] | None, now: datetime
) -> Blueprint:
    """Change the blueprint's name, or all its zones; return the blueprint.

    Raises NotFound, TooManyZones, InvalidField if a zone names a contact who is not the person's, or PreconditionFailed
    if the client has an older version.
    """
    zones.locked(person_id)
    blueprint = blueprint_of_person(person_id=person_id, blueprint_id=blueprint_id)
    zones.require(blueprint, if_match=if_match)
    if "zones" in changes:
        blueprint.zones = _storable(person_id, changes["zones"])
    blueprint.name = changes.get("name", blueprint.name)
    blueprint.version, blueprint.updated_at = blueprint.version + 1, now
    blueprint.save()
    return blueprint


@transaction.atomic
def remove(*, person_id: UUID, blueprint_id: UUID, if_match: Collection[str] | None) -> None:
    """Delete the blueprint; the person's zones stay. Raises NotFound or PreconditionFailed."""
    zones.locked(person_id)
    blueprint = blueprint_of_person(person_id=person_id, blueprint_id=blueprint_id)
    zones.require(blueprint, if_match=if_match)
    blueprint.delete()


@transaction.atomic
def apply(*, person_id: UUID, blueprint_id: UUID, is_dry_run: bool, proof: Proof, now: datetime) -> Report:
    """Make the person's zones equal to the blueprint's, in one transaction; return the changes.

    A zone of the same name is changed and keeps its events. Unless the zone moves, it keeps its presence too. With
    `is_dry_run` nothing is changed. With the duress PIN, zones that are removed or weakened go on, hidden
    (geo/keptzones.py). Raises NotFound, TooManyZones, or PinRequired if contacts may be told of less.
    """
    whereabouts = zones.locked(person_id)
    blueprint = blueprint_of_person(person_id=person_id, blueprint_id=blueprint_id)
    zones.require_room(person_id, wanted=len(blueprint.zones))
    report = _compare(person_id, _usable(person_id, blueprint.zones), now=now)
    if not is_dry_run:
        if _weakened(report):
            protection.require(proof)
        _carry_out(report, whereabouts, is_kept=proof is Proof.DURESS, now=now)
        zones.changed(whereabouts)
    return report


def _compare(person_id: UUID, wanted: Iterable[Mapping[str, Any]], *, now: datetime) -> Report:
    """Pair the person's zones with the `wanted` ones by name; return the changes that make them equal. Changes nothing.

    If several zones have one name, the oldest is paired with the first in the blueprint.
    """
    current: defaultdict[str, list[GeoZone]] = defaultdict(list)
    for zone in GeoZone.objects.filter(owner_id=person_id).order_by("-id"):
        current[zone.name].append(zone)
    report = Report()
    for fields in wanted:
        if not current[fields["name"]]:
            made = GeoZone(owner_id=person_id, **fields, placed_at=now, created_at=now, updated_at=now)
            report.added.append(made)
            continue
        zone = current[fields["name"]].pop()
        differing = {name: value for name, value in fields.items() if getattr(zone, name) != value}
        if differing:
            report.changed.append(ZoneChange(zone=zone, changes=differing))
        else:
            report.unchanged.append(zone)
    report.removed.extend(zone for zones_left in current.values() for zone in zones_left)
    return report


def _weakened(report: Report) -> list[GeoZone]:
    """The removed zones, and the zones whose change may tell contacts of less (`keptzones.weakens`)."""
    changed = [each.zone for each in report.changed if keptzones.weakens(each.zone, each.changes)]
    return [*report.removed, *changed]


def _carry_out(report: Report, whereabouts: Whereabouts, *, is_kept: bool, now: datetime) -> None:
    removed = keptzones.hide(report.removed) if is_kept else report.removed
    GeoZone.objects.filter(id__in=[zone.id for zone in removed]).delete()
    for changed in report.changed:
        if is_kept and keptzones.weakens(changed.zone, changed.changes):
            keptzones.hide_copy(changed.zone, whereabouts)
    for changed in report.changed:
        zones.rewrite(changed.zone, changed.changes, now=now)
    GeoZone.objects.bulk_create(report.added)


def _storable(person_id: UUID, wanted: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    kept = [dict(fields) for fields in wanted]
    zones.require_room(person_id, wanted=len(kept))
    for fields in kept:
        zones.check_contacts(person_id, fields.get("contact_ids"))
        ids = fields.get("contact_ids")
        fields["contact_ids"] = None if ids is None else [str(contact_id) for contact_id in ids]
    return kept


def _usable(person_id: UUID, kept: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stored zones as fields of GeoZone, without the contacts who were deleted since."""
    theirs = {str(c) for c in EmergencyContact.objects.filter(user_id=person_id).values_list("id", flat=True)}
    return [
        {**fields, "contact_ids": None if ids is None else [UUID(str(each)) for each in ids if str(each) in theirs]}
        for fields in kept
        for ids in [fields.get("contact_ids")]
    ]


def blueprint_of_person(*, person_id: UUID, blueprint_id: UUID) -> Blueprint:
    """Return this blueprint of the person. Raises NotFound, also for another person's blueprint."""
    blueprint = Blueprint.objects.filter(id=blueprint_id, owner_id=person_id).first()
    if blueprint is None:
        raise NotFound
    return blueprint


def fields_of(zone: GeoZone) -> dict[str, Any]:
    return {name: getattr(zone, name) for name in FIELDS}
