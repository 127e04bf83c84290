"""How often a person called for help and then took it back: for the person to see, and for the operator."""

from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from alerts.models import AlertStatus, SosAlert
from alerts.owner import view
from identity.models import User


def shown_to(owner: User) -> int:
    """What the owner's devices are told: an alert cancelled under duress is one to them."""
    return SosAlert.objects.filter(view.has_status(AlertStatus.CANCELLED), owner=owner, is_drill=False).count()


def of_owner() -> Coalesce:
    """For a query of alerts: how many their owner really took back."""
    taken_back = SosAlert.objects.filter(
        owner=OuterRef("owner"), status=AlertStatus.CANCELLED, duress_at=None, is_drill=False
    ).order_by()
    counted = taken_back.values("owner").annotate(count=Count("*")).values("count")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())
