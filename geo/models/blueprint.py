from django.db import models
from uuid_utils.compat import uuid7

from identity.models import User
from messaging.columns import EncryptedJSONField, EncryptedTextField


class Blueprint(models.Model):
    """A named set of zones, for holidays or a school year. Applying it makes the person's zones equal to it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="blueprints")
    name = EncryptedTextField(about="zone name", max_length=100)
    # Each zone with the fields that FIELDS in geo/blueprints.py names.
    zones = EncryptedJSONField(about="zones")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["owner", "id"], name="blueprint_of_owner")]

    def __str__(self) -> str:
        return f"blueprint {self.pk}"
