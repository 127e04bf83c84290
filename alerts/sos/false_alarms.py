"""Counts the alerts that a person cancelled, for the person and for the operator."""

from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from alerts.models import AlertStatus, SosAlert
from alerts.owner import view
from identity.models import User


def shown_to(owner: User) -> int:
    """How many cancelled alerts, without drills, the owner's devices show. Alerts that the duress PIN only seemed to
    cancel are among them.
    """
    return view.owned_by(owner).filter(view.has_status(AlertStatus.CANCELLED), is_drill=False).count()


def of_owner() -> Coalesce:
    """An annotation for a query of alerts: how many alerts the owner of each has cancelled, without drills and without
    alerts that were under duress.
    """
    taken_back = SosAlert.objects.filter(
        owner=OuterRef("owner"), status=AlertStatus.CANCELLED, duress_at=None, is_drill=False
    ).order_by()
    counted = taken_back.values("owner").annotate(count=Count("*")).values("count")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())
