from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from uuid_utils.compat import uuid7

# Django finds the tables of consent through this module.
from identity.consent_models import ContactConsent
from identity.shown import ShownManager
from messaging.columns import EncryptedBytesField, EncryptedEmailField, EncryptedNumberField, EncryptedTextField
from messaging.encryption import RESPONSE, STAFF_FACTOR

# The purpose of an encrypted column that a statement of its own writes (identity/sessions/bearer.py).
NETWORK = "network"


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
    """A person with an account. The id is a UUIDv7 (RFC 9562): ordered by time, and nobody can guess it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    phone_number = EncryptedNumberField(unique=True)
    first_name = EncryptedTextField(about="name", max_length=50, blank=True)
    last_name = EncryptedTextField(about="name", max_length=50, blank=True)
    language = models.CharField(max_length=2, choices=Language, default=Language.RU)
    # Null means no address, as in the API.
    email = EncryptedEmailField(about="e-mail address", null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    # Not a column: the session whose access token came with the request. identity/sessions/bearer.py sets it.
    session: "Session | None" = None

    USERNAME_FIELD = "phone_number"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return str(self.pk)


class EmergencyContact(models.Model):
    """A person's emergency contact; the one with `order` 0 gets an SOS first. `is_kept`: hidden (contacts/kept.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contacts")
    name = EncryptedTextField(about="name", max_length=100)
    phone_number = EncryptedNumberField()
    relation = EncryptedTextField(about="relation", max_length=50, blank=True)
    language = models.CharField(max_length=2, choices=Language, default=Language.RU)
    order = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    # The time at which this number declined to be a contact of the person (ContactConsent); null if it did not.
    declined_at = models.DateTimeField(null=True)
    # Whether the contact is told of duress. No response shows it: whoever reads it learns whom the person distrusts.
    tell_of_duress = models.BooleanField(default=True, db_default=True)
    is_kept = models.BooleanField(default=False, db_default=False)
    # Not columns: `contacts.mark` and `contacts.to_tell` set them.
    refuses_sms = False
    confirmed: bool | None = None
    consent: ContactConsent | None = None

    objects = ShownManager["EmergencyContact"]()
    every: ClassVar[models.Manager["EmergencyContact"]] = models.Manager()

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
    """A pending registration. Its password and names become a person's only with the code of this same row.

    The id is random (UUIDv4), because a client proves itself by both the id and the code. A row with `is_known_number`
    is for a number that has an account already: the SMS to this number says so, and no code verifies the row. Clients
    see no difference.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    phone_number = EncryptedNumberField()
    is_known_number = models.BooleanField()
    password = models.CharField(max_length=128)
    first_name = EncryptedTextField(about="name", max_length=50)
    last_name = EncryptedTextField(about="name", max_length=50)
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
    """A signed-in device. Its refresh token names this row and the current generation (`jti`); no token is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    jti = models.CharField(max_length=32)
    previous_jti = models.CharField(max_length=32, blank=True)
    rotated_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    # Exact to the minute.
    last_used_at = models.DateTimeField(null=True)
    # The last time at which the session proved the person: by a password or a code.
    authenticated_at = models.DateTimeField(null=True)
    name = EncryptedTextField(about="device name", max_length=100, db_default="", default="")
    platform = models.CharField(max_length=10, choices=Platform, db_default="", default="", blank=True)
    # The network of the last use: a prefix of the IP address (identity/api/addresses.py).
    network = EncryptedTextField(about=NETWORK, max_length=43, db_default="", default="")
    # Not a column: PostgreSQL's clock when a request read the session.
    read_at: datetime | None = None

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="session_expiry")]

    def __str__(self) -> str:
        return str(self.pk)


class Device(models.Model):
    """A device that may raise its person's SOS without signing in. Only a hash of its credential is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    # The session in which the device was registered. Signing out of it revokes the device; its expiry does not.
    session = models.ForeignKey(Session, null=True, on_delete=models.SET_NULL)
    name = EncryptedTextField(about="device name", max_length=100)
    platform = models.CharField(max_length=10, choices=Platform)
    credential_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # Revoked with the duress PIN: the person's devices show it revoked, and its credential still raises an SOS.
    is_kept = models.BooleanField(default=False, db_default=False)
    # Not a column: `credentials.listed` sets it. A device that has just been registered is signed in.
    is_signed_in = True

    class Meta:
        indexes = [models.Index(fields=["user"], name="devices_of_person", condition=Q(revoked_at=None))]

    def __str__(self) -> str:
        return str(self.pk)


class Pin(models.Model):
    """A person's two PINs. The safe PIN ends an alert; the duress PIN only seems to end it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="pin")
    safe_hash = models.CharField(max_length=128)
    duress_hash = models.CharField(max_length=128)
    # When the last wrong try will be forgotten (identity/pins/tries.py). Null: no wrong try.
    tries_forgotten_at = models.DateTimeField(null=True)
    # Only the release before `tries_forgotten_at` reads these two.
    wrong_tries = models.PositiveIntegerField(default=0, db_default=0)
    locked_until = models.DateTimeField(null=True)
    set_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class StaffFactor(models.Model):
    """An operator's second factor. The secret is encrypted; recovery codes are stored as hashes."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="staff_factor")
    secret = EncryptedBytesField(about=STAFF_FACTOR)
    # The time step of the last code that counted: neither this code nor an older one counts again.
    last_step = models.BigIntegerField(default=0)
    recovery_hashes = models.JSONField(default=list)
    # Admin sessions that began earlier have ended.
    sessions_from = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class AcceptedPin(models.Model):
    """The kind of PIN accepted last for one `thing`. The other PIN is refused for it during `tries.HELD_FOR`."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    # The kind and the id, like "alert 0192…".
    thing = models.CharField(max_length=60)
    is_duress = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "thing"], name="accepted_pin_once")]
        indexes = [models.Index(fields=["at"], name="accepted_pin_age")]

    def __str__(self) -> str:
        return self.thing


class CodeCount(models.Model):
    """How many codes were sent to a country in a day (UTC), and how many were typed in.

    SMS pumping asks for codes that nobody types in.
    """

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
    """How often a limit was used in one window. Keys are keyed hashes, so no phone number or client IP is stored."""

    key = models.BinaryField(max_length=32)
    window_start = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "window_start"], name="rate_window_once")]
        indexes = [models.Index(fields=["window_start"], name="rate_window_age")]

    def __str__(self) -> str:
        return f"{self.count} since {self.window_start}"


class IdempotencyRecord(models.Model):
    """The response to a POST with an Idempotency-Key, stored for 24 h in the transaction of the POST itself."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=100)
    body_sha256 = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    # Responses that a release before this one stored; written no more.
    body = models.JSONField(null=True)
    # The response as JSON, compressed and encrypted: it may hold names and numbers.
    encrypted_body = EncryptedBytesField(about=RESPONSE, null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "method", "path", "key"], name="idempotency_key_once"),
            models.CheckConstraint(condition=Q(key__regex=r"^[\x21-\x7e]{1,100}$"), name="idempotency_key_printable"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
