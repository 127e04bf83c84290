from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from identity.models import User
from identity.shown import ShownManager
from messaging.columns import EncryptedTextField


class ZoneType(models.TextChoices):
    HOME = "home"
    WORK = "work"
    SCHOOL = "school"
    SAFE = "safe"
    DANGER = "danger"
    OTHER = "other"


class Shape(models.TextChoices):
    CIRCLE = "circle"
    POLYGON = "polygon"


class GeoZone(models.Model):
    """A circle or polygon on WGS 84. Contacts are told when its owner enters or leaves it, as the fields choose.

    A zone with `is_kept` was removed or weakened with the duress PIN: nobody is shown it, and it still tells contacts
    (geo/keptzones.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="geozones")
    name = EncryptedTextField(about="zone name", max_length=100)
    zone_type = models.CharField(max_length=8, choices=ZoneType, default=ZoneType.OTHER)
    shape = models.CharField(max_length=8, choices=Shape)
    # A circle, or the circle around a polygon.
    latitude = models.FloatField()
    longitude = models.FloatField()
    radius_m = models.FloatField()
    # A polygon's closed GeoJSON ring of [longitude, latitude]; null for a circle.
    ring = models.JSONField(null=True)
    notify_on_enter = models.BooleanField(default=True)
    notify_on_exit = models.BooleanField(default=True)
    # {"days": [1..7], "from": "08:00", "to": "18:00", "time_zone": "Asia/Bishkek"}; null: always.
    schedule = models.JSONField(null=True)
    # Emergency contacts to be told; null: all of them.
    contact_ids = ArrayField(models.UUIDField(), null=True)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    # When the zone got its present outline. Earlier fixes say nothing about it.
    placed_at = models.DateTimeField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    is_kept = models.BooleanField(default=False, db_default=False)

    objects = ShownManager["GeoZone"]()
    every: ClassVar[models.Manager["GeoZone"]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "id"], name="geozone_of_owner")]
        constraints = [
            models.CheckConstraint(
                condition=Q(latitude__range=(-90, 90), longitude__range=(-180, 180), radius_m__gt=0),
                name="geozone_is_on_earth",
            ),
            models.CheckConstraint(
                condition=Q(shape="circle", ring__isnull=True) | Q(shape="polygon", ring__isnull=False),
                name="geozone_has_its_shape",
            ),
        ]

    def __str__(self) -> str:
        return f"zone {self.pk}"
