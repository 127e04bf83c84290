"""The zones of a person as evaluation needs them, cached: an evaluation asks for them again and again.

The cache is Django's: in each process by default, shared by the setting CACHE_URL. Its key carries a number that every
change of the zones raises in the transaction that makes it, so that what is cached is never what was.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache

from geo import shapes
from geo.models import GeoZone, Whereabouts

KEPT_S = 3_600


@dataclass(frozen=True, kw_only=True, slots=True)
class Zone:
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

    @property
    def shape(self) -> shapes.Shape:
        if self.ring:
            return shapes.polygon(self.ring)
        return shapes.circle(latitude=self.latitude, longitude=self.longitude, radius_m=self.radius_m)

    @property
    def key(self) -> str:
        """Of this zone at this place: moved, it is another one, of which nothing is known yet."""
        return f"{self.id.hex}@{self.placed_at.timestamp()}"


def of_person(whereabouts: Whereabouts) -> list[Zone]:
    """The active zones of the person whose locked row this is."""
    key = f"zones:{whereabouts.person_id}:{whereabouts.zones_version}"
    found: list[Zone] | None = cache.get(key)
    if found is None:
        found = [_read(row) for row in GeoZone.objects.filter(owner_id=whereabouts.person_id, is_active=True)]
        cache.set(key, found, KEPT_S)
    return found


def _read(row: GeoZone) -> Zone:
    return Zone(
        id=row.id,
        name=row.name,
        latitude=row.latitude,
        longitude=row.longitude,
        radius_m=row.radius_m,
        ring=tuple((x, y) for x, y in row.ring) if row.ring else None,
        placed_at=row.placed_at,
        notify_on_enter=row.notify_on_enter,
        notify_on_exit=row.notify_on_exit,
        schedule=row.schedule,
        contact_ids=row.contact_ids,
    )
