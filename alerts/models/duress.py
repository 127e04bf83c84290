from django.db import models

from alerts.models.alert import AlertStatus, SosAlert


class FeignedEnd(models.Model):
    """The end that the duress PIN pretends: how the alert and its messages would be if it had ended at the moment of
    the PIN.
    """

    alert = models.OneToOneField(SosAlert, on_delete=models.CASCADE, primary_key=True, related_name="feigned_end")
    status = models.CharField(max_length=12, choices=AlertStatus)
    at = models.DateTimeField()
    # Where the person was at that moment: the alert itself goes on and follows them.
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    address = models.CharField(max_length=200, blank=True, db_default="")
    # The state that each SOS message would have had, by its id.
    states = models.JSONField()
    # The last MessageEvent of these messages at that moment: events with higher ids came later.
    last_event_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"alert {self.alert_id} shown {self.status}"
