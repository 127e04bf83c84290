from django.conf import settings
from django.db import models


class EscalationPolicy(models.Model):
    """A person's own plan for an alert that nobody answers. Without one the default of
    alerts/escalation/policy.py holds."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="escalation_policy"
    )
    # In order, each {"channel": "voice" | "sms", "wait_s": 45, "contacts": [ids]}. No foreign keys: of a contact who
    # is removed the id means nobody.
    waves = models.JSONField()
    give_up_after_s = models.PositiveIntegerField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"escalation policy of {self.pk}"
