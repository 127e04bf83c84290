"""An alert as the owner's devices show it. A coercer may be reading, so under duress every answer is that of an alert
which ended at the moment of the duress PIN (the pretended end, FeignedEnd).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from alerts.models import AlertPosition, FeignedEnd, SosAlert
from identity.models import User


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownAlert:
    """The facts of an alert that the owner's devices show."""

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


def owned_by(person: User) -> QuerySet[SosAlert]:
    """The person's alerts without silent ones (alerts/sos/silent.py), each loaded with its snapshot, if it has one.

    The statement is the same whether an alert is under duress or not.
    """
    return SosAlert.objects.filter(owner=person, is_silent=False).select_related("feigned_end")


def snapshot(alert: SosAlert) -> FeignedEnd | None:
    """The snapshot of an alert that a PIN ended, or seemed to end; None: the alert goes on, or ended without a PIN.

    Callers read it after both ends, so that both take the same statements, and show it only under duress.
    """
    is_open = alert.ended_at is None and alert.duress_at is None
    return None if is_open else getattr(alert, "feigned_end", None)


def shown(alert: SosAlert) -> ShownAlert:
    """The alert as the owner's devices show it. Under duress it has ended at the moment of the duress PIN, with the
    position that it had then.
    """
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
    """The alert as it really is, for operators only."""
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
    """A filter for alerts with this status as the owner's devices show it."""
    return Q(duress_at=None, status=status) | Q(duress_at__isnull=False, feigned_end__status=status)


def seems_ended_by(moment: datetime, *, of: str = "") -> Q:
    """A filter for alerts under duress whose pretended end was at `moment` or before.

    `of`: the prefix with which the rows of the query reach the alert, for example `"alert__"`.
    """
    return Q(**{f"{of}duress_at__isnull": False, f"{of}feigned_end__at__lte": moment})


def positions_shown(alert: SosAlert) -> QuerySet[AlertPosition]:
    """The alert's positions that the owner's devices show: those up to its end, under duress the pretended end."""
    ended_at = shown(alert).ended_at
    return alert.positions.filter(at__lte=ended_at) if ended_at else alert.positions.all()
