from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField
from uuid_utils.compat import uuid7


class Language(models.TextChoices):
    KY = "ky", "Кыргызча"
    RU = "ru", "Русский"
    EN = "en", "English"


class Platform(models.TextChoices):
    ANDROID = "android"
    IOS = "ios"
    OTHER = "other"


class UserManager(BaseUserManager["User"]):
    def create_user(self, phone_number: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(phone_number=phone_number, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, phone_number: str, password: str, **fields: Any) -> "User":
        return self.create_user(phone_number, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person with the app. The id is a UUIDv7 (RFC 9562): unguessable and ordered by time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    phone_number = PhoneNumberField(unique=True)
    first_name = models.CharField(max_length=50, blank=True)
    last_name = models.CharField(max_length=50, blank=True)
    language = models.CharField(max_length=2, choices=Language, default=Language.RU)
    email = models.EmailField(null=True, blank=True)  # noqa: DJ001 null: none given, as in the API
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "phone_number"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return str(self.pk)


class EmergencyContact(models.Model):
    """Someone a person trusts. `order` is the contact's place: the first is told first."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=100)
    phone_number = PhoneNumberField()
    relation = models.CharField(max_length=50, blank=True)
    language = models.CharField(max_length=2, choices=Language, default=Language.RU)
    order = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    # When the contact said that they do not want to be one.
    declined_at = models.DateTimeField(null=True)
    # No column: `contacts.mark_refusals` says it.
    refuses_sms = False

    class Meta:
        ordering = ["order"]
        constraints = [
            models.UniqueConstraint(fields=["user", "phone_number"], name="contact_phone_once"),
            models.UniqueConstraint(
                fields=["user", "order"], name="contact_order_once", deferrable=models.Deferrable.DEFERRED
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Verification(models.Model):
    """A pending registration: the password and names become a person's only with the code of this very row.

    The id is random (UUIDv4) because knowing it is half of what proves the request. `is_known_number` rows look
    the same from outside; their SMS says that the number has an account, and no code verifies them.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    phone_number = PhoneNumberField()
    is_known_number = models.BooleanField()
    password = models.CharField(max_length=128)
    first_name = models.CharField(max_length=50)
    last_name = models.CharField(max_length=50)
    language = models.CharField(max_length=2, choices=Language)
    code_salt = models.BinaryField()
    code_hash = models.BinaryField()
    tries_left = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="verification_expiry")]

    def __str__(self) -> str:
        return str(self.pk)


class Session(models.Model):
    """A signed-in device: its refresh token names this row and its current generation; only ids are stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    jti = models.CharField(max_length=32)
    previous_jti = models.CharField(max_length=32, blank=True)
    rotated_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="session_expiry")]

    def __str__(self) -> str:
        return str(self.pk)


class Device(models.Model):
    """A phone that may raise its person's SOS without signing in: only the hash of its credential is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    # Signing out of the session the phone was registered in revokes it too; the session's own expiry does not.
    session = models.ForeignKey(Session, null=True, on_delete=models.SET_NULL)
    name = models.CharField(max_length=100)
    platform = models.CharField(max_length=10, choices=Platform)
    credential_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user"], name="devices_of_person", condition=Q(revoked_at=None))]

    def __str__(self) -> str:
        return str(self.pk)


class Pin(models.Model):
    """What ends an alert once it is set: the safe PIN does, the duress PIN only looks as if it did."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="pin")
    safe_hash = models.CharField(max_length=128)
    duress_hash = models.CharField(max_length=128)
    wrong_tries = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)
    set_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class CodeCount(models.Model):
    """Codes sent to a country in a day (UTC) and proved: SMS pumping asks for codes that nobody types in."""

    day = models.DateField()
    country = models.CharField(max_length=4)  # Its calling code, like +996.
    sent = models.PositiveIntegerField(default=0)
    verified = models.PositiveIntegerField(default=0)
    alarmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "country"], name="code_count_once")]

    def __str__(self) -> str:
        return f"{self.country} on {self.day}: {self.verified} of {self.sent}"


class RateCount(models.Model):
    """How often something was done in a window. Keys are keyed hashes: no number or address is stored."""

    key = models.BinaryField(max_length=32)
    window_start = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "window_start"], name="rate_window_once")]
        indexes = [models.Index(fields=["window_start"], name="rate_window_age")]

    def __str__(self) -> str:
        return f"{self.count} since {self.window_start}"


class IdempotencyRecord(models.Model):
    """The answer to a POST with an Idempotency-Key, kept in the transaction of what it created, for 24 h."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=100)
    body_sha256 = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "method", "path", "key"], name="idempotency_key_once"),
            models.CheckConstraint(condition=Q(key__regex=r"^[\x21-\x7e]{1,100}$"), name="idempotency_key_printable"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
