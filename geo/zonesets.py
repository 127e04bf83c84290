"""The active zones of a person, hidden ones too, as evaluation needs them. They are cached, since every evaluation
reads them.

The cache is Django's: one in each process, or a shared one with the setting CACHE_URL. A key in the cache holds
zones_version, which each change of the zones raises in its own transaction. So outdated zones are never read.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.core.cache import cache

from geo import shapes
from geo.models import GeoZone, Whereabouts

KEPT_S = 3_600


class Zone(NamedTuple):
    id: UUID
    name: str
    latitude: float
    longitude: float
    radius_m: float
    ring: tuple[tuple[float, float], ...] | None
    placed_at: datetime
    notify_on_enter: bool
    notify_on_exit: bool
    schedule: dict[str, Any] | None
    contact_ids: list[UUID] | None
    is_kept: bool

    @property
    def shape(self) -> shapes.Shape:
        if self.ring:
            return shapes.polygon(self.ring)
        return shapes.circle(latitude=self.latitude, longitude=self.longitude, radius_m=self.radius_m)

    @property
    def key(self) -> str:
        return presence_key(self.id, self.placed_at)


def presence_key(zone_id: UUID, placed_at: datetime) -> str:
    """The key of a person's presence in a zone. A moved zone gets a new key, so the presence in it is unknown."""
    return f"{zone_id.hex}@{placed_at.timestamp()}"


def active_zones(locked: Iterable[Whereabouts]) -> dict[UUID, Sequence[Zone]]:
    """The active zones of each person, by person id. `locked` are rows of Whereabouts that the caller has locked.

    Takes one query for all people whose zones are not cached.
    """
    # Older releases, which may share the cache, keep other tuples under "zones" and "zones-by-id".
    keys = {f"zones-with-kept:{person.person_id}:{person.zones_version}": person.person_id for person in locked}
    cached: dict[str, list[Zone]] = cache.get_many(keys)
    asked = {person_id: key for key, person_id in keys.items() if key not in cached}
    if asked:
        found = _read(asked)
        read = {key: found[person_id] for person_id, key in asked.items()}
        cache.set_many(read, KEPT_S)
        cached |= read
    return {person_id: cached[key] for key, person_id in keys.items()}


def _read(people: Iterable[UUID]) -> defaultdict[UUID, list[Zone]]:
    found: defaultdict[UUID, list[Zone]] = defaultdict(list)
    active = GeoZone.every.filter(owner_id__in=people, is_active=True)
    for owner_id, *values in active.order_by("id").values_list("owner_id", *Zone._fields):
        zone = Zone(*values)
        ring = tuple((x, y) for x, y in zone.ring) if zone.ring else None
        found[owner_id].append(zone._replace(ring=ring))
    return found
