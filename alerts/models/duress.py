from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value

from alerts.models.alert import AlertStatus, SosAlert
from messaging.columns import EncryptedTextField


class FeignedEnd(models.Model):
    """The snapshot of an alert at the moment its owner typed a PIN to end it: position, and the states of its messages
    after that end.

    The duress PIN only pretends this end: the alert goes on, and the owner's devices are shown the snapshot. The safe
    PIN writes a snapshot too, which nobody is shown, so that both ends are read by the same statements. A silent alert
    has one from its beginning, which nobody is shown either.
    """

    alert = models.OneToOneField(SosAlert, on_delete=models.CASCADE, primary_key=True, related_name="feigned_end")
    status = models.CharField(max_length=12, choices=AlertStatus)
    at = models.DateTimeField()
    # Where the person was at that moment: the alert itself goes on and follows them.
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    address = EncryptedTextField(about="street address", max_length=200, blank=True, db_default="")
    # The state that each SOS message would have had, by its id.
    states = models.JSONField()
    # The last MessageEvent of these messages at that moment: events with higher ids came later.
    last_event_id = models.BigIntegerField()
    # Contacts whom the person does not want told of duress. For them the alert has ended too.
    untold = ArrayField(models.UUIDField(), default=list, db_default=Value("{}", ArrayField(models.UUIDField())))

    def __str__(self) -> str:
        return f"alert {self.alert_id} shown {self.status}"
