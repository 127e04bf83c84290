from django.conf import settings
from django.db import models


class EscalationPolicy(models.Model):
    """A person's own escalation policy: whom an alert calls and texts while nobody answers. A person without this row
    has the default policy (alerts/escalation/policy.py).
    """

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
    """The escalation policy that a person had before it was weakened with the duress PIN. Silent alerts follow it.

    Weakening the policy again does not change this row. `waves` null: the person had the default policy.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="kept_policy"
    )
    waves = models.JSONField(null=True)
    give_up_after_s = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"kept policy of {self.pk}"
