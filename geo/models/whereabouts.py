from django.db import models

from identity.models import User


class Whereabouts(models.Model):
    """What evaluation knows of a person. Locked while it works, so that two workers never race."""

    person = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    # The last fix that was evaluated: what is not later than it came late, and tells nobody anything.
    seen_at = models.DateTimeField(null=True)
    seen_id = models.UUIDField(null=True)
    # The track so far and the presence in each zone, as geo/presence.py keeps them.
    state = models.JSONField(default=dict)
    # Raised by every change of the person's zones: what was cached of them before is not asked for any more.
    zones_version = models.PositiveIntegerField(default=1, db_default=1)
    # Seconds the phone's clock is behind the database's, as its uploads say; sticky, so that repeats stay repeats.
    clock_behind_s = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"whereabouts of {self.person_id}"
