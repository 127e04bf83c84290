from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid_utils.compat import uuid7

from geo.models.zone import GeoZone
from identity.models import User
from identity.shown import ShownManager
from messaging.columns import EncryptedTextField


class Direction(models.TextChoices):
    ENTER = "enter"
    EXIT = "exit"


class Told(models.TextChoices):
    """Whether contacts were texted about a zone event, and if not, the reason."""

    TOLD = "told"
    LATE = "late"
    COOL_DOWN = "cool_down"
    OUTSIDE_SCHEDULE = "outside_schedule"
    NOT_WANTED = "not_wanted"
    NO_CONTACTS = "no_contacts"


class ZoneEvent(models.Model):
    """A person entered or left a zone.

    The row holds the fix, the rule and the figures that decided it, so that it can be explained and checked.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Null, with an empty zone_name, only in rows of the release before these fields, written during the upgrade.
    owner = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    # The zone may be removed or renamed. The event keeps the zone's id and old name.
    zone = models.ForeignKey(GeoZone, on_delete=models.DO_NOTHING, db_constraint=False, related_name="events")
    zone_name = EncryptedTextField(about="zone name", max_length=100, db_default="")
    direction = models.CharField(max_length=5, choices=Direction)
    # The deciding fix.
    fix_id = models.UUIDField()
    fix_at = models.DateTimeField()
    latitude = models.FloatField()
    longitude = models.FloatField()
    accuracy_m = models.FloatField()
    # The rule of geo/presence.py, the distance to the boundary (negative inside), the margin that the distance had to
    # exceed, and the number of fixes whose mean was measured.
    rule = models.CharField(max_length=12)
    distance_m = models.FloatField()
    margin_m = models.FloatField()
    fixes = models.PositiveSmallIntegerField()
    # When the boundary was crossed, as far as the fixes say. Null in rows from before this field.
    crossed_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField()
    told = models.CharField(max_length=16, choices=Told)
    message_ids = ArrayField(models.BigIntegerField(), default=list)
    # An event of a hidden zone (geo/keptzones.py).
    is_kept = models.BooleanField(default=False, db_default=False)

    objects = ShownManager["ZoneEvent"]()
    every: ClassVar[models.Manager["ZoneEvent"]] = models.Manager()

    class Meta:
        constraints = [
            # An event is one row, whichever worker evaluates it and however often.
            models.UniqueConstraint(fields=["zone", "fix_at", "fix_id"], name="zone_event_once"),
        ]
        indexes = [
            models.Index(fields=["decided_at"], name="zone_event_age"),
            models.Index(fields=["owner", "id"], name="zone_event_of_owner"),
        ]

    def __str__(self) -> str:
        return f"event {self.pk}"
