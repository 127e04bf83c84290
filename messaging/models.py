from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from messaging.columns import EncryptedAddressField, EncryptedBytesField
from messaging.encryption import MESSAGE
from messaging.states import FINAL, State


class MessageClass(models.IntegerChoices):
    """How urgent a message is. At each sender, messages of the class with the lowest number get slots first."""

    EMERGENCY = 0
    VERIFICATION = 1
    SAFETY = 2
    ROUTINE = 3


URGENT = (MessageClass.EMERGENCY, MessageClass.VERIFICATION)


class Channel(models.TextChoices):
    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"


class Deliverer(models.TextChoices):
    """The process that made a move or an attempt.

    In a healthy installation workers make all attempts. The scheduler makes one if no worker claimed a message in time.
    """

    WEB = "web"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    CALLBACK = "callback"


class Sender(models.Model):
    """A number or name that messages leave from, with its own pace.

    A process that gives slots to messages (delivery/dispatch.py, delivery/claims.py) locks the sender's row.
    """

    name = models.CharField(max_length=50, unique=True)
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.SMS)
    # Recipients see it: a number, an alphanumeric name, an e-mail address.
    origin = models.CharField(max_length=254, blank=True)
    messaging_service_sid = models.CharField(max_length=34, blank=True)
    # A message is carried by the sender with the lowest preference among those that can carry it.
    preference = models.PositiveSmallIntegerField(default=100)
    # Calling codes that the sender reaches, like +996, and classes that it carries; empty: all.
    countries = ArrayField(
        models.CharField(max_length=4, validators=[RegexValidator(r"^\+[1-9]\d{0,2}$")]), default=list, blank=True
    )
    classes = ArrayField(
        models.PositiveSmallIntegerField(choices=MessageClass),
        default=list,
        blank=True,
        help_text="0 emergency, 1 verification, 2 safety, 3 routine",
    )
    is_active = models.BooleanField(default=True)
    # 0: not paced.
    segments_per_second = models.FloatField(validators=[MinValueValidator(0), MaxValueValidator(10_000)])
    # The account's daily limit (UTC). The last part of the limit is kept for emergencies. 0: no limit.
    segments_per_day = models.PositiveIntegerField(default=0)
    # When the next slot is free (GCRA: the generic cell rate algorithm).
    next_free_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(segments_per_second__gte=0, segments_per_second__lte=10_000), name="sender_pace_in_range"
            ),
            models.CheckConstraint(
                condition=~Q(origin="", messaging_service_sid="", is_active=True), name="sender_has_an_origin"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SenderOutage(models.Model):
    """A sender that is left out for a while: its provider answered with a configuration or quota error.

    `country` is the calling code that the outage is about; "" is all countries.
    """

    sender = models.ForeignKey(Sender, on_delete=models.CASCADE)
    country = models.CharField(max_length=4, blank=True)
    error_code = models.CharField(max_length=40)
    # How often the sender failed in a row, each time after its outage had ended. Each outage is longer than the last.
    times = models.PositiveSmallIntegerField(default=1)
    since = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "country"], name="one_outage_per_sender_and_country")]

    def __str__(self) -> str:
        return f"sender {self.sender_id} out: {self.error_code}"


class DailyCount(models.Model):
    """The number of messages and segments of one class that got slots at one sender on one day (UTC).

    The daily caps of classes (DAILY_CAPS) and the senders' `segments_per_day` are compared with it.
    """

    day = models.DateField()
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE)
    message_class = models.PositiveSmallIntegerField(choices=MessageClass)
    messages = models.PositiveIntegerField()
    segments = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "sender", "message_class"], name="one_count_per_day_sender_class")
        ]

    def __str__(self) -> str:
        return f"{self.day} sender {self.sender_id}"


class OptOut(models.Model):
    """A phone number that gets no SAFETY and ROUTINE messages: it texted STOP, the provider refused our SMS to it, or
    its reader asked for this on a page.
    """

    address = EncryptedAddressField(primary_key=True, max_length=254)
    # "STOP", the provider's code, or "asked".
    reason = models.CharField(max_length=40)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"opted out since {self.since}"


class Message(models.Model):
    """One row of the outbox: one text for one address.

    `due_at`: when the row next needs work. By state: a queued message may be granted a slot, a dispatched message is
    taken over by the scheduler, the lease of a message in `sending` ends, an unknown, accepted or sent message is
    looked up.
    """

    channel = models.CharField(max_length=8, choices=Channel, default=Channel.SMS)
    # E.164, or an e-mail address.
    address = EncryptedAddressField(max_length=254)
    # The calling code of a phone number, like +996. Empty for e-mail, and in rows of releases with plain addresses.
    country = models.CharField(max_length=4, blank=True, db_default="", default="")
    text = EncryptedBytesField(about=MESSAGE, null=True)  # Null once the message is final.
    # The language of a call's speech and of an e-mail's subject.
    language = models.CharField(max_length=2, blank=True, db_default="")
    # The prompt that a call plays where its language has no synthetic speech (messaging/speech.py).
    recording = models.CharField(max_length=20, blank=True, db_default="")
    segments = models.PositiveSmallIntegerField()
    message_class = models.PositiveSmallIntegerField(choices=MessageClass)
    rank = models.PositiveSmallIntegerField(default=0)
    # The text is never joined with another one (messaging/outbox/coalescing.py): its owner may cancel it.
    stands_alone = models.BooleanField(db_default=False)
    # Names the cause of the message. It is only compared: ceilings count and texts join within one cause.
    on_behalf_of = models.CharField(max_length=40, blank=True, db_default="")
    sender = models.ForeignKey(Sender, null=True, on_delete=models.PROTECT)  # Null: no sender could carry the message.
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    due_at = models.DateTimeField()
    slot_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    queued_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    final_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["sender", "message_class", "rank", "id"],
                condition=Q(state=State.QUEUED),
                name="message_next_to_grant",
            ),
            models.Index(fields=["state", "due_at"], condition=~Q(state__in=FINAL), name="message_due"),
            models.Index(fields=["deadline_at"], condition=Q(state=State.QUEUED), name="message_deadline"),
            models.Index(fields=["address", "queued_at"], name="message_by_recipient"),
            models.Index(fields=["address", "on_behalf_of", "queued_at"], name="message_by_cause"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="message_state_known"),
            models.CheckConstraint(
                condition=~Q(state__in=FINAL) | Q(text__isnull=True), name="message_final_text_erased"
            ),
            models.CheckConstraint(condition=Q(sender__isnull=False) | Q(state__in=FINAL), name="message_has_sender"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class AttemptOutcome(models.TextChoices):
    SENDING = "sending"
    UNKNOWN = "unknown"
    NOT_CREATED = "not_created", "the provider does not have it"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


class Attempt(models.Model):
    """One create request to the provider for a message. It is not sent if the slot is missed (code SLOT_MISSED).

    The attempt's id is in the callback URL, so a callback reports on this very attempt.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT)
    number = models.PositiveSmallIntegerField()
    by = models.CharField(max_length=10, choices=Deliverer)
    outcome = models.CharField(max_length=12, choices=AttemptOutcome, default=AttemptOutcome.SENDING)
    provider_id = models.CharField(max_length=34, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField()
    # No response can come after this time. A look-up 5 s later that does not show the message proves that the provider
    # never created it.
    deadline_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["provider_id"], condition=~Q(provider_id=""), name="attempt_provider_id_once"
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of message {self.message_id}"


class KeyPress(models.Model):
    """The key that a call asked for (speech.CONFIRM), stored when it is first pressed in the attempt's call.

    The key press has a row of its own, so that a receiver of the signal `digit_pressed` (messaging/signals.py) waits
    for no lock that delivery reports hold.
    """

    attempt = models.OneToOneField(Attempt, primary_key=True, on_delete=models.CASCADE)
    digit = models.CharField(max_length=1)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"key pressed in attempt {self.attempt_id}"


class MessageEvent(models.Model):
    """One move of a message, written in the transaction of the move. Other apps read moves by messaging/history.py."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE)
    attempt = models.ForeignKey(Attempt, null=True, on_delete=models.CASCADE)
    state = models.CharField(max_length=12, choices=State)
    by = models.CharField(max_length=10, choices=Deliverer)
    error_code = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"message {self.message_id} {self.state}"


class OperatorAlarm(models.Model):
    """A fault that only the operator can repair. Until the row is mailed, `times` counts all alarms of its `code`."""

    code = models.CharField(max_length=60)
    detail = models.JSONField(default=dict)  # Ids and counts only.
    times = models.PositiveIntegerField(default=1)
    raised_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["code"], condition=Q(mailed_at__isnull=True), name="one_unmailed_alarm_per_code"
            )
        ]

    def __str__(self) -> str:
        return self.code
