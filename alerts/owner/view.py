"""An alert as the owner's devices are shown it. Somebody who forced the owner to type the duress PIN may be reading, so
under duress every answer is that of an alert which ended at that moment (the pretended end, FeignedEnd).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from alerts.models import AlertPosition, SosAlert


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownAlert:
    """The facts of an alert that a device is shown."""

    id: UUID
    status: str
    kind: str
    latitude: float | None
    longitude: float | None
    address: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    is_drill: bool


def shown(alert: SosAlert) -> ShownAlert:
    """The alert as its owner is shown it: under duress it has ended, where the person was at that moment."""
    if alert.duress_at is None:
        return whole(alert)
    feigned = alert.feigned_end
    return replace(
        whole(alert),
        status=feigned.status,
        latitude=feigned.latitude,
        longitude=feigned.longitude,
        address=feigned.address,
        updated_at=feigned.at,
        ended_at=feigned.at,
    )


def whole(alert: SosAlert) -> ShownAlert:
    """The truth, for operators only."""
    return ShownAlert(
        id=alert.id,
        status=alert.status,
        kind=alert.kind,
        latitude=alert.latitude,
        longitude=alert.longitude,
        address=alert.address,
        created_at=alert.created_at,
        updated_at=alert.updated_at,
        ended_at=alert.ended_at,
        is_drill=alert.is_drill,
    )


def has_status(status: str) -> Q:
    """Filter alerts by the status that their owner is shown."""
    return Q(duress_at=None, status=status) | Q(duress_at__isnull=False, feigned_end__status=status)


def positions_shown(alert: SosAlert) -> QuerySet[AlertPosition]:
    """The alert's positions as its owner is shown them: no position from after the shown end."""
    ended_at = shown(alert).ended_at
    return alert.positions.filter(at__lte=ended_at) if ended_at else alert.positions.all()
