from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from alerts.models.alert import SosAlert


class AlertPosition(models.Model):
    """Where the person was at a moment of an alert: a fix of their phone, or the place of a press."""

    # Their indexes are the constraint's and the index's below.
    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="positions", db_index=False)
    # The phone's own id of the fix: one that is sent again is the same row.
    client_id = models.UUIDField(default=uuid7)
    latitude = models.FloatField()
    longitude = models.FloatField()
    # Radius in metres of the circle that the phone believes to be in.
    accuracy = models.FloatField(null=True)
    # Metres above the ellipsoid, metres per second, degrees from north.
    altitude = models.FloatField(null=True)
    speed = models.FloatField(null=True)
    course = models.FloatField(null=True)
    # Per cent.
    battery = models.PositiveSmallIntegerField(null=True)
    network = models.CharField(max_length=20, blank=True)
    activity = models.CharField(max_length=20, blank=True)
    # When the person was there, on our clock.
    recorded_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["alert", "-recorded_at", "-id"], name="position_by_time")]
        constraints = [
            models.UniqueConstraint(fields=["alert", "client_id"], name="position_once_per_client_id"),
            models.CheckConstraint(
                condition=Q(latitude__range=(-90, 90), longitude__range=(-180, 180)), name="position_on_earth"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
