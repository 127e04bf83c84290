from django.db import models
from django.db.models import Q

from alerts.models.alert import SosAlert
from identity.models import Language
from messaging.columns import EncryptedNumberField, EncryptedTextField


class StepKind(models.TextChoices):
    CALL = "call"
    SMS = "sms"
    # The last step: nobody has answered.
    GIVE_UP = "give_up"


class StepState(models.TextChoices):
    PENDING = "pending"
    DONE = "done"
    SKIPPED = "skipped"


class EscalationStep(models.Model):
    """One call, one SMS, or GIVE_UP, which makes the alert exhausted. It is taken at `due_at` or soon after, unless an
    answer or the alert's end has skipped it.

    Name, number and language are the contact's when the alert first asked the contact for help; empty for GIVE_UP.
    """

    # The constraint below gives the index.
    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="steps", db_index=False)
    # The order of one alert's steps.
    place = models.PositiveSmallIntegerField()
    # How often the contact was called before this call, or texted before this SMS.
    round = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=8, choices=StepKind)
    contact_id = models.UUIDField(null=True)
    name = EncryptedTextField(about="name", max_length=100, blank=True)
    phone_number = EncryptedNumberField(blank=True)
    language = models.CharField(max_length=2, choices=Language, blank=True)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=StepState, default=StepState.PENDING)

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(state=StepState.PENDING), name="step_due")]
        constraints = [
            models.UniqueConstraint(fields=["alert", "place"], name="step_once_per_place"),
            models.CheckConstraint(
                condition=Q(kind=StepKind.GIVE_UP) ^ Q(contact_id__isnull=False), name="step_for_a_contact_or_for_none"
            ),
        ]

    def __str__(self) -> str:
        return f"step {self.place} of alert {self.alert_id}"


class AnswerKind(models.TextChoices):
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"


class Via(models.TextChoices):
    PAGE = "page"
    CALL = "call"


class Answer(models.Model):
    """The last answer of a contact to an alert."""

    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="answers", db_index=False)
    contact_id = models.UUIDField()
    kind = models.CharField(max_length=12, choices=AnswerKind)
    via = models.CharField(max_length=8, choices=Via)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "contact_id"], name="one_answer_per_contact")]

    def __str__(self) -> str:
        return f"answer to alert {self.alert_id}: {self.kind}"
