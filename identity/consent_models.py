"""The tables of consent: what a number says to being a person's contact, its history, and blocking numbers."""

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7

from messaging.columns import EncryptedNumberField


class ConsentState(models.TextChoices):
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"  # Declined after they had accepted.


class ConsentHow(models.TextChoices):
    """The way in which a state of consent came about."""

    ADDED = "added"  # The person added the number.
    PAGE = "page"
    SMS = "sms"
    CALL = "call"
    BLOCK = "block"  # The number has blocked everyone.
    IMPORT = "import"
    BEFORE = "before"  # Added before contacts were asked.


class ContactConsent(models.Model):
    """The answer of a number to being this person's contact. It stays, also a refusal, when the contact is removed.

    A contact without a row was added before contacts were asked, and counts as accepted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    phone_number = EncryptedNumberField()
    state = models.CharField(max_length=10, choices=ConsentState)
    at = models.DateTimeField()
    how = models.CharField(max_length=10, choices=ConsentHow)
    text_version = models.PositiveSmallIntegerField()
    language = models.CharField(max_length=2)
    # Invitation and reminders so far, the last one's time, and the hash of the token in them.
    texts_sent = models.PositiveSmallIntegerField(default=0)
    texted_at = models.DateTimeField(null=True)
    generation = models.PositiveSmallIntegerField(default=0)
    token_hash = models.BinaryField(max_length=32, null=True)
    token_expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "phone_number"], name="consent_once"),
            models.UniqueConstraint(fields=["token_hash"], name="consent_token_once"),
        ]
        indexes = [models.Index(fields=["phone_number"], name="consents_of_number")]

    def __str__(self) -> str:
        return str(self.pk)


class ConsentRecord(models.Model):
    """Proof of consent: one row for each state that a ContactConsent has had.

    A trigger in the database refuses changes.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    phone_number = EncryptedNumberField()
    state = models.CharField(max_length=10, choices=ConsentState)
    at = models.DateTimeField()
    how = models.CharField(max_length=10, choices=ConsentHow)
    text_version = models.PositiveSmallIntegerField()
    language = models.CharField(max_length=2)

    class Meta:
        indexes = [models.Index(fields=["user", "phone_number"], name="consent_history")]

    def __str__(self) -> str:
        return f"{self.state} at {self.at}"


class NumberBlock(models.Model):
    """A phone number that declines everyone whom it has not accepted, now and in future."""

    phone_number = EncryptedNumberField(unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)
