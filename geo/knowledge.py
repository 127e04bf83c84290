"""Says in which of their zones a person is. Reads the presences that the last evaluation stored; decides nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import TextChoices

from geo import memory
from geo.models import GeoZone, Whereabouts
from geo.presence import Presence
from geo.zonesets import presence_key


class State(TextChoices):
    INSIDE = "inside"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The known presence of a person in one zone.

    `since`: time of the fix that changed the state, or of the first fix. `as_of`: time of the last evaluated fix. Both
    are None while the state is unknown.
    """

    state: State
    since: datetime | None = None
    as_of: datetime | None = None


def known_presences(zones: Collection[GeoZone], *, person_id: UUID) -> dict[UUID, Known]:
    """The state of each of these zones of one person, by the zone's id."""
    whereabouts = Whereabouts.objects.filter(person_id=person_id).only("state", "seen_at").first()
    presences = memory.read_presences(whereabouts.state) if whereabouts else {}
    as_of = whereabouts.seen_at if whereabouts else None
    return {zone.id: _known(presences.get(_key(zone)), as_of) for zone in zones}


def _key(zone: GeoZone) -> str:
    """The key of the person's presence in the zone; "" for an inactive zone, whose presence is unknown: evaluation
    leaves it out.
    """
    return presence_key(zone.id, zone.placed_at) if zone.is_active else ""


def _known(presence: Presence | None, as_of: datetime | None) -> Known:
    if presence is None or presence.inside is None or presence.since is None:
        # No `as_of`: evaluation may go on for zones that the person's devices do not show (geo/keptzones.py).
        return Known(state=State.UNKNOWN)
    state = State.INSIDE if presence.inside else State.OUTSIDE
    return Known(state=state, since=datetime.fromtimestamp(presence.since, tz=UTC), as_of=as_of)
