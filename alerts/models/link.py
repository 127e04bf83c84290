from django.db import models

from alerts.models.alert import SosAlert


class ContactLink(models.Model):
    """A contact's link to the page of one alert (alerts/contacts/links.py). Only a hash of its token is stored.

    `contact_id` is no foreign key, for the same reason as in Notification.
    """

    # The constraint below gives the index.
    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="links", db_index=False)
    contact_id = models.UUIDField()
    # The next generation has another token, for a contact whose earlier link was revoked.
    generation = models.PositiveSmallIntegerField(default=0)
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    # No column: `links.opened` sets it to whether a timer raised or joined the alert.
    is_of_timer = False

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "contact_id", "generation"], name="link_once_per_generation")
        ]

    def __str__(self) -> str:
        return str(self.pk)
