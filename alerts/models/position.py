from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from alerts.models.alert import SosAlert


class AlertPosition(models.Model):
    """One position of a person during an alert: a fix of their phone, or the position of a press.

    Fields are named as in geo.models.Fix. Columns keep the names of earlier releases (`db_column`): while a new
    release migrates, an old one still stores positions.
    """

    # No index of its own: the constraint and the index below begin with it.
    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="positions", db_index=False)
    # The phone's id of the fix. A fix that is sent again has the same id and is stored once.
    client_id = models.UUIDField(default=uuid7)
    latitude = models.FloatField()
    longitude = models.FloatField()
    # Radius of the circle in which the phone believes to be.
    accuracy_m = models.FloatField(null=True, db_column="accuracy")
    # Height above the ellipsoid.
    altitude_m = models.FloatField(null=True, db_column="altitude")
    speed_mps = models.FloatField(null=True, db_column="speed")
    # Degrees from north.
    course_deg = models.FloatField(null=True, db_column="course")
    battery_pct = models.PositiveSmallIntegerField(null=True, db_column="battery")
    network = models.CharField(max_length=20, blank=True)
    activity = models.CharField(max_length=20, blank=True)
    # When the person was there, by the database's clock.
    at = models.DateTimeField(db_column="recorded_at")
    # False: nothing shows whether the phone's clock was wrong or the request waited. `at` is then by the phone's clock.
    at_is_known = models.BooleanField(default=True, db_default=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["alert", "-at", "-id"], name="position_by_time")]
        constraints = [
            models.UniqueConstraint(fields=["alert", "client_id"], name="position_once_per_client_id"),
            models.CheckConstraint(
                condition=Q(latitude__range=(-90, 90), longitude__range=(-180, 180)), name="position_on_earth"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
