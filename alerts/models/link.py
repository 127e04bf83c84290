from django.db import models

from alerts.models.alert import SosAlert


class ContactLink(models.Model):
    """A contact's way to the page of one alert (alerts/contacts/links.py). Of the token only a hash is stored.

    `contact_id` is that of the notification: no foreign key, for the same reason.
    """

    # Its index is the constraint's.
    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="links", db_index=False)
    contact_id = models.UUIDField()
    # The next one is another token, for a contact whose earlier one was revoked.
    generation = models.PositiveSmallIntegerField(default=0)
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    # No column: `links.opened` says whether a timer ran out into its alert.
    is_of_timer = False

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "contact_id", "generation"], name="link_once_per_generation")
        ]

    def __str__(self) -> str:
        return str(self.pk)
