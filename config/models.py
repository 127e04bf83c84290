from django.db import models


class SchedulerTick(models.Model):
    """The last time a scheduler reported that slots are being granted (Scheduler._tick). One row, for /readyz."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"last tick at {self.at}"


class PeriodicRun(models.Model):
    """One kind of periodic work (config/periodic.py) with its next due time.

    A lock of the row gives it to one scheduler.
    """

    name = models.CharField(max_length=60, primary_key=True)
    due_at = models.DateTimeField()
    # The first time that a worker was asked in vain, else the last time that one was asked. If no worker does the work
    # in time, a scheduler does it.
    asked_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class DeadLetter(models.Model):
    """A broker message that no worker could process. It named rows by their ids, so no data is lost with it.

    If the same message dies again, `times` grows. The row holds nothing personal: no body and no text of an error.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    queue = models.CharField(max_length=60)
    # Empty: the message could not be read.
    actor = models.CharField(max_length=60, blank=True)
    # The actor's arguments, if they are ids only. Null: they are withheld, so the message cannot be replayed.
    arguments = models.JSONField(null=True)
    # An error's name, `undecodable`, `unknown_actor`, or the broker's own reason.
    reason = models.CharField(max_length=60)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    replay_asked_at = models.DateTimeField(null=True)
    replayed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["replay_asked_at"],
                condition=models.Q(replay_asked_at__isnull=False),
                name="deadletter_to_replay",
            )
        ]

    def __str__(self) -> str:
        return f"dead letter {self.pk}"
