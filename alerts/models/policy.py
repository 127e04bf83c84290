from django.conf import settings
from django.db import models


class EscalationPolicy(models.Model):
    """A person's own policy for alerts that nobody answers. Without this row the default policy holds
    (alerts/escalation/policy.py)."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="escalation_policy"
    )
    # In order, each {"channel": "voice" | "sms", "wait_s": 45, "contacts": [ids]}. No foreign keys: the id of a removed
    # contact is ignored.
    waves = models.JSONField()
    give_up_after_s = models.PositiveIntegerField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"escalation policy of {self.pk}"


class KeptPolicy(models.Model):
    """The policy that held before it was weakened with the duress PIN: silent alerts still follow it.

    `waves` null: the default policy held.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="kept_policy"
    )
    waves = models.JSONField(null=True)
    give_up_after_s = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"kept policy of {self.pk}"
