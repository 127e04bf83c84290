from django.db import models

from identity.models import User


class Network(models.TextChoices):
    NONE = "none"
    WIFI = "wifi"
    G2 = "2g"
    G3 = "3g"
    G4 = "4g"
    G5 = "5g"
    UNKNOWN = "unknown"


class Activity(models.TextChoices):
    STILL = "still"
    WALKING = "walking"
    RUNNING = "running"
    CYCLING = "cycling"
    DRIVING = "driving"
    UNKNOWN = "unknown"


class Fix(models.Model):
    """One position that a phone reported. The table is partitioned by weeks of `at` (geo/partitions.py).

    The primary key is the only index, since each insert pays for each index. It refuses repeats and finds a person's
    history in order of time. The database has no foreign key: it would look up the owner for each of a thousand rows,
    and the owner is always the person who is signed in.
    """

    pk = models.CompositePrimaryKey("owner_id", "at", "id")
    owner = models.ForeignKey(User, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    at = models.DateTimeField()
    id = models.UUIDField()
    received_at = models.DateTimeField()
    latitude = models.FloatField()
    longitude = models.FloatField()
    accuracy_m = models.FloatField(null=True)
    altitude_m = models.FloatField(null=True)
    speed_mps = models.FloatField(null=True)
    course_deg = models.FloatField(null=True)
    battery_pct = models.PositiveSmallIntegerField(null=True)
    network = models.CharField(max_length=8, choices=Network, blank=True)
    activity = models.CharField(max_length=8, choices=Activity, blank=True)
    track_id = models.UUIDField(null=True)

    def __str__(self) -> str:
        return f"fix {self.id}"
