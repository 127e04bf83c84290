from django.db import models

from alerts.models.alert import AlertStatus, SosAlert


class FeignedEnd(models.Model):
    """The end that the duress PIN pretended: what an end at that moment would have made of the alert's messages."""

    alert = models.OneToOneField(SosAlert, on_delete=models.CASCADE, primary_key=True, related_name="feigned_end")
    status = models.CharField(max_length=12, choices=AlertStatus)
    at = models.DateTimeField()
    # Where the person was: the alert itself goes on with them.
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    address = models.CharField(max_length=200, blank=True, db_default="")
    # The state of each SOS message by its id, as it would have been.
    states = models.JSONField()
    # The last event of these messages until then: what has a higher id came after.
    last_event_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"alert {self.alert_id} shown {self.status}"
