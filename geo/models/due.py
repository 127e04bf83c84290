from django.db import models

from identity.models import User


class DueEvaluation(models.Model):
    """A person with fixes that are not evaluated yet: one row for any number of fixes. The row stays until they are
    evaluated, also if a broker message is lost.

    It is separate from Whereabouts, which evaluation locks, so an upload never waits for an evaluation.
    """

    person = models.OneToOneField(
        User, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="+"
    )
    due_at = models.DateTimeField()
    # When a worker was told. After RESCUE_AFTER the scheduler evaluates by itself.
    hinted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"evaluation of {self.person_id}"
