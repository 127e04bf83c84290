from django.db import models

from identity.models import User


class Whereabouts(models.Model):
    """The state of one person's evaluation between two runs: the last evaluated fix, the track and the presences.

    Evaluation locks this row, so that two workers never evaluate one person at once.
    """

    person = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    # The last evaluated fix. A fix that is not later came too late and tells nobody anything.
    seen_at = models.DateTimeField(null=True)
    seen_id = models.UUIDField(null=True)
    # The track so far and the presence in each zone, as geo/memory.py writes them.
    state = models.JSONField(default=dict)
    # Raised by each change of the person's zones, so that zones cached before are not read again.
    zones_version = models.PositiveIntegerField(default=1, db_default=1)
    # Seconds that the phone's clock is behind the database's. Small changes are ignored, so that repeats stay repeats.
    clock_behind_s = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"whereabouts of {self.person_id}"
