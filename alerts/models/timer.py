from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from alerts.models.alert import SosAlert


class TimerStatus(models.TextChoices):
    ARMED = "armed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FIRED = "fired"


class ActivityTimer(models.Model):
    """ "If I have not said by then that I am well, call for help." What fires it is alerts/timers/expiry.py."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Its index is the first below.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="timers", db_index=False)
    status = models.CharField(max_length=10, choices=TimerStatus, default=TimerStatus.ARMED)
    note = models.CharField(max_length=200, blank=True)
    place = models.CharField(max_length=200, blank=True)
    # Who is told; empty: everybody. No foreign keys: of those who are deleted meanwhile nobody is told.
    contact_ids = ArrayField(models.UUIDField(), default=list)
    # What a check-in starts anew.
    period_s = models.PositiveIntegerField()
    grace_s = models.PositiveIntegerField()
    # Extensions since it was armed or checked in.
    extensions = models.PositiveSmallIntegerField(default=0)
    ends_at = models.DateTimeField()
    # The end and its grace; later only after firing it failed.
    due_at = models.DateTimeField()
    # Null: the person has been reminded.
    nudge_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # What it raised, or joined.
    alert = models.ForeignKey(SosAlert, on_delete=models.SET_NULL, null=True, related_name="timers")

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-id"], name="timer_by_owner"),
            # Only the armed: the sweep costs what is due, however many timers there are and were.
            models.Index(fields=["due_at"], condition=Q(status=TimerStatus.ARMED), name="timer_due"),
            models.Index(
                fields=["nudge_at"], condition=Q(status=TimerStatus.ARMED, nudge_at__isnull=False), name="timer_nudge"
            ),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="timer_age"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status=TimerStatus.ARMED, ended_at__isnull=True)
                | (~Q(status=TimerStatus.ARMED) & Q(ended_at__isnull=False)),
                name="timer_ended_iff_not_armed",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Heartbeat(models.Model):
    """One report of a phone while a timer ran. Contacts see the last one when the timer runs out.

    Fields are named as in geo.models.Fix. Columns keep their names (`db_column`), as in AlertPosition.
    """

    # No index of its own: the index below begins with it.
    timer = models.ForeignKey(ActivityTimer, on_delete=models.CASCADE, related_name="heartbeats", db_index=False)
    # By the database's clock, and never in the future.
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    battery_pct = models.PositiveSmallIntegerField(null=True, db_column="battery")
    network = models.CharField(max_length=20, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    accuracy_m = models.FloatField(null=True, db_column="accuracy")

    class Meta:
        indexes = [models.Index(fields=["timer", "-at", "-id"], name="heartbeat_by_time")]
        constraints = [
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__range=(-90, 90),
                    longitude__range=(-180, 180),
                ),
                name="heartbeat_position_whole_and_on_earth",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
