from django.db import models


class SchedulerTick(models.Model):
    """The time at which any scheduler last finished a pass that grants slots, for /readyz and the operator."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"last tick at {self.at}"


class PeriodicRun(models.Model):
    """When periodic work is due next. The row decides which scheduler takes it."""

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

    The same message again raises `times`. The row holds only facts that anybody may see: no body, no error's text.
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
