from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from alerts.models.alert import SosAlert
from messaging.columns import EncryptedTextField


class TimerStatus(models.TextChoices):
    ARMED = "armed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FIRED = "fired"


class ActivityTimer(models.Model):
    """A timer that raises an alert at `due_at` unless its owner has checked in, extended or ended it by then
    (alerts/timers/expiry.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The first index below covers it.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="timers", db_index=False)
    status = models.CharField(max_length=10, choices=TimerStatus, default=TimerStatus.ARMED)
    note = EncryptedTextField(about="note", max_length=200, blank=True)
    place = EncryptedTextField(about="street address", max_length=200, blank=True)
    # The contacts who are told; empty: all contacts. No foreign keys: the id of a removed contact is ignored.
    contact_ids = ArrayField(models.UUIDField(), default=list)
    # The period that a check-in starts anew.
    period_s = models.PositiveIntegerField()
    grace_s = models.PositiveIntegerField()
    # Extensions since the timer was armed or checked in.
    extensions = models.PositiveSmallIntegerField(default=0)
    # When the timer was last put off with a PIN.
    proved_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField()
    # The end plus the grace period. Later only if firing has failed.
    due_at = models.DateTimeField()
    # When the nudge is due. Null: the person was nudged.
    nudge_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # A timer with this id was ended or put off with the duress PIN, and goes on as this row, which no device shows.
    kept_of = models.UUIDField(null=True)
    # The alert that the timer raised or joined.
    alert = models.ForeignKey(SosAlert, on_delete=models.SET_NULL, null=True, related_name="timers")

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-id"], name="timer_by_owner"),
            # Only armed timers: the cost of a check depends on the due timers, not on all timers that exist or existed.
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
    """One report of a phone while a timer ran. Contacts see the timer's last report when the timer runs out.

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
