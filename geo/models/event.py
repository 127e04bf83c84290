from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid_utils.compat import uuid7

from geo.models.zone import GeoZone
from identity.models import User


class Direction(models.TextChoices):
    ENTER = "enter"
    EXIT = "exit"


class Told(models.TextChoices):
    """Whether contacts were texted, and if not why."""

    TOLD = "told"
    LATE = "late"
    COOL_DOWN = "cool_down"
    OUTSIDE_SCHEDULE = "outside_schedule"
    NOT_WANTED = "not_wanted"
    NO_CONTACTS = "no_contacts"


class ZoneEvent(models.Model):
    """The person entered or left a zone, with everything that decided it: it can be explained, and checked."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Null and unnamed only where the release before, which knew neither, wrote it meanwhile.
    owner = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    # The zone may be removed, or called otherwise: what happened stays what it was.
    zone = models.ForeignKey(GeoZone, on_delete=models.DO_NOTHING, db_constraint=False, related_name="events")
    zone_name = models.CharField(max_length=100, db_default="")
    direction = models.CharField(max_length=5, choices=Direction)
    # The deciding fix.
    fix_id = models.UUIDField()
    fix_at = models.DateTimeField()
    latitude = models.FloatField()
    longitude = models.FloatField()
    accuracy_m = models.FloatField()
    # The rule of geo/presence.py, the distance to the boundary it looked at (negative inside), what that had to
    # exceed, and how many fixes it is the distance of.
    rule = models.CharField(max_length=12)
    distance_m = models.FloatField()
    margin_m = models.FloatField()
    fixes = models.PositiveSmallIntegerField()
    decided_at = models.DateTimeField()
    told = models.CharField(max_length=16, choices=Told)
    message_ids = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints = [
            # Whoever evaluates and however often: an event is one row.
            models.UniqueConstraint(fields=["zone", "fix_at", "fix_id"], name="zone_event_once"),
        ]
        indexes = [
            models.Index(fields=["decided_at"], name="zone_event_age"),
            models.Index(fields=["owner", "id"], name="zone_event_of_owner"),
        ]

    def __str__(self) -> str:
        return f"event {self.pk}"
