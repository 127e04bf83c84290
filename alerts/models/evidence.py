from django.conf import settings
from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from alerts.models.alert import SosAlert
from messaging.columns import EncryptedBytesField
from messaging.encryption import FILE_KEY


class EvidenceKind(models.TextChoices):
    AUDIO = "audio"
    VIDEO = "video"
    PHOTO = "photo"


class Evidence(models.Model):
    """A recording or photo of an alert. The row outlives the file: its kind, size and hash stay on record."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The constraint below gives the index. PROTECT: a deleted row would leave a file that nobody knows.
    alert = models.ForeignKey(SosAlert, on_delete=models.PROTECT, related_name="evidence", db_index=False)
    kind = models.CharField(max_length=5, choices=EvidenceKind)
    media_type = models.CharField(max_length=40)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    # The file's name in the storage; empty once the file is deleted.
    name = models.CharField(max_length=100, blank=True)
    # The wrapped key of an encrypted file (alerts/evidence/blocks.py); empty if the file is plain.
    file_key = EncryptedBytesField(about=FILE_KEY, default=b"", db_default=b"")
    # Another file of this row that has to be deleted: left by, or replaced by, encryption (rekeying.py).
    spare_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    added_at = models.DateTimeField()
    # When the evidence was erased: its file is deleted now or soon.
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # A repeated upload finds the row of the first, also if both arrive at once.
            models.UniqueConstraint(fields=["alert", "sha256"], name="evidence_once_per_alert"),
            models.UniqueConstraint(fields=["name"], condition=~Q(name=""), name="evidence_file_once"),
            models.CheckConstraint(condition=~Q(name="") | Q(erased_at__isnull=False), name="evidence_has_its_file"),
        ]
        indexes = [
            models.Index(fields=["added_at"], condition=Q(erased_at=None), name="evidence_by_age"),
            models.Index(fields=["erased_at"], condition=~Q(name=""), name="evidence_to_erase"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Upload(models.Model):
    """A file that is being uploaded. The row is written before the first byte, so the purge finds the bytes that a
    crash leaves.

    The bytes lie in the spool under the row's id (alerts/evidence/spool.py) until they are checked and moved to the
    storage. The Evidence row of an encrypted file gets this row's id: only with that id can its blocks be decrypted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="uploads")
    kind = models.CharField(max_length=5, choices=EvidenceKind)
    # Bytes reserved from the person's limit: the most the file can have or, for a resumable upload, its exact size.
    length = models.BigIntegerField()
    # Bytes of a resumable upload that are in the spool.
    offset = models.BigIntegerField(default=0)
    # The wrapped key of an encrypted file; empty if the file is plain.
    file_key = EncryptedBytesField(about=FILE_KEY, default=b"", db_default=b"")
    # The encrypted beginning of the block in which `offset` lies.
    beginning = models.BinaryField(default=b"", db_default=b"")
    # The hash that the client declared; empty if it declared no hash.
    sha256 = models.CharField(max_length=64, blank=True)
    is_resumable = models.BooleanField()
    # When a process began to check and keep the file. After a while that process counts as dead (keeping.py).
    finishing_at = models.DateTimeField(null=True)
    # The name that the file gets in the storage, written before the file is there.
    name = models.CharField(max_length=100, blank=True)
    evidence = models.ForeignKey(Evidence, on_delete=models.CASCADE, null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="upload_expiry")]
        constraints = [
            models.CheckConstraint(condition=Q(offset__gte=0, offset__lte=F("length")), name="upload_offset_in_length")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class LegalHold(models.Model):
    """Forbids to erase an alert's evidence while this row exists.

    Operators make and delete the row (alerts/admin.py).
    """

    alert = models.OneToOneField(SosAlert, on_delete=models.PROTECT, related_name="legal_hold")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"alert {self.alert_id}"
