"""Zones that were removed or weakened with the duress PIN go on as hidden zones: contacts are still told of them.

The person's devices show the zone removed or changed, as after the safe PIN.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from geo.models import GeoZone, Whereabouts
from geo.zonesets import presence_key

# Hidden zones of one person; beyond it a zone is removed.
_MOST = 100
# Values that only tell contacts of more. Any other change of a field that decides who is told may tell them of less.
_STRENGTHENS = {
    "is_active": True,
    "notify_on_enter": True,
    "notify_on_exit": True,
    "schedule": None,
    "contact_ids": None,
}
_HARMLESS = ("name", "zone_type")


def weakens(zone: GeoZone, changes: Mapping[str, Any]) -> bool:
    """Whether contacts may be told of less after these changes: any change but of _HARMLESS fields or to a value in
    _STRENGTHENS.
    """
    differing = {name: value for name, value in changes.items() if getattr(zone, name) != value}
    return any(
        name not in _HARMLESS and not (name in _STRENGTHENS and value == _STRENGTHENS[name])
        for name, value in differing.items()
    )


def hide(zones: Iterable[GeoZone]) -> list[GeoZone]:
    """Hide these zones of one person (`is_kept`) instead of removing them; return the zones that would be more than
    _MOST hidden ones. The caller removes these.
    """
    left = list(zones)
    room = _room(left[0].owner_id) if left else 0
    GeoZone.objects.filter(id__in=[zone.id for zone in left[:room]]).update(is_kept=True)
    return left[room:]


def hide_copy(zone: GeoZone, whereabouts: Whereabouts) -> None:
    """Store a hidden copy of the zone, as it is before its change, with a new id and the same presence in
    `whereabouts`.

    Stores none for an inactive zone, or if the person has _MOST hidden zones. The caller has locked the whereabouts.
    """
    if not zone.is_active or not _room(zone.owner_id):
        return
    fields = {each.attname: getattr(zone, each.attname) for each in GeoZone._meta.concrete_fields}
    kept = GeoZone(**fields | {"id": uuid7(), "is_kept": True})
    kept.save(force_insert=True)
    known = whereabouts.state.get("zones", {})
    if (presence := known.get(presence_key(zone.id, zone.placed_at))) is not None:
        known[presence_key(kept.id, kept.placed_at)] = presence
        whereabouts.save(update_fields=["state"])


def _room(person_id: UUID) -> int:
    return max(0, _MOST - GeoZone.every.filter(owner_id=person_id, is_kept=True).count())
