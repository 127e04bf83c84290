from django.db import models


class SchedulerTick(models.Model):
    """When any scheduler last completed a granting pass; /readyz and the operator look at it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"last tick at {self.at}"


class PeriodicRun(models.Model):
    """When periodic work is due next. The row arbitrates between schedulers."""

    name = models.CharField(max_length=60, primary_key=True)
    due_at = models.DateTimeField()
    # When a worker was asked last; if nothing was completed since, the scheduler does the work itself.
    asked_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
