from django.db import models


class SchedulerTick(models.Model):
    """When any scheduler last completed a pass; /readyz and the operator look at it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"last tick at {self.at}"


class PeriodicRun(models.Model):
    """When periodic work is due next. The row arbitrates between schedulers."""

    name = models.CharField(max_length=60, primary_key=True)
    due_at = models.DateTimeField()
    # Set when a worker was asked, cleared when the work was done: what stays set too long, the scheduler runs itself.
    asked_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
