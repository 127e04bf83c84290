from enum import Enum

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from identity.models import Language
from messaging.columns import EncryptedNumberField, EncryptedTextField
from messaging.models import Message


class AlertStatus(models.TextChoices):
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged", "a contact is on the way"
    EXHAUSTED = "exhausted", "every contact was tried and nobody answered"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


# An exhausted alert is not open: the next press raises a new alert and asks all contacts again.
OPEN = (AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED)
ENDED = (AlertStatus.RESOLVED, AlertStatus.CANCELLED)
# An alert under duress goes on, but its owner's devices show it as ended: another press raises another alert.
OPEN_TO_OWNER = Q(status__in=OPEN, duress_at=None)


class AlertMove(Enum):
    """The moves of an alert's status; the table in alerts/sos/status.py says from which statuses to which each one
    leads.
    """

    ACKNOWLEDGE = "a contact is on the way"
    WITHDRAW = "the only contact on the way is not coming"
    EXHAUST = "every contact was tried and nobody answered"
    GIVE_WAY = "the helpers had an hour, and the owner presses again"
    RESOLVE = "the owner is safe"
    CANCEL = "a false alarm"
    DROP_DRILL = "the owner presses in earnest during a drill"


class AlertKind(models.TextChoices):
    """The cause of an alert: a press, or an activity timer that ran out."""

    SOS = "sos"
    MISSED_CHECK_IN = "missed_check_in"


class SosAlert(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sos_alerts")
    status = models.CharField(max_length=12, choices=AlertStatus, default=AlertStatus.ACTIVE)
    kind = models.CharField(max_length=20, choices=AlertKind, default=AlertKind.SOS, db_default=AlertKind.SOS)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    address = EncryptedTextField(about="street address", max_length=200, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # When the owner typed the duress PIN. From then on alerts/owner/view.py decides what the owner's devices show.
    duress_at = models.DateTimeField(null=True)
    # Texts to contacts are marked TEST, and nobody is alarmed (alerts/sos/drills.py).
    is_drill = models.BooleanField(default=False, db_default=False)
    # The charge that the last press stated: a phone that has no position has a battery.
    battery_pct = models.PositiveSmallIntegerField(null=True)
    # The alerts that the owner raised in the hour before this one (alerts/contacts/presses.py).
    raised_before = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Under duress from the beginning, and hidden from the owner's devices (alerts/sos/silent.py).
    is_silent = models.BooleanField(default=False, db_default=False)
    # The id of the alert that the owner's devices show, if this silent one tells contacts whom that one leaves out.
    beside = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "-id"], name="alert_by_owner")]
        constraints = [
            # The database keeps the rule of one open alert: of two simultaneous presses one creates the alert and the
            # other finds it. A drill does not count when the person presses in earnest.
            models.UniqueConstraint(
                fields=["owner", "is_drill"], condition=OPEN_TO_OWNER, name="one_open_alert_per_person"
            ),
            # Both sides name the nulls, because a check whose result is NULL passes.
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__range=(-90, 90),
                    longitude__range=(-180, 180),
                ),
                name="alert_position_whole_and_on_earth",
            ),
            models.CheckConstraint(
                condition=Q(status__in=ENDED) ^ Q(ended_at__isnull=True), name="alert_ended_iff_it_says_when"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class EventKind(models.TextChoices):
    """The kinds of entries in an alert's timeline."""

    RAISED = "raised"
    PRESSED_AGAIN = "pressed_again"
    CHECK_IN_MISSED = "check_in_missed"
    STEP_TAKEN = "step_taken"
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    EXHAUSTED = "exhausted"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    GAVE_WAY = "gave_way", "the person's next alert took its place"
    PIN_WRONG = "pin_wrong"
    DURESS = "duress"
    EVIDENCE_ADDED = "evidence_added"
    EVIDENCE_HELD = "evidence_held"
    EVIDENCE_RELEASED = "evidence_released"
    EVIDENCE_ERASED = "evidence_erased"
    MESSAGE = "message", "what became of an SMS or a call that asks for help"


class AlertEvent(models.Model):
    """One entry of an alert's timeline, written in the transaction of the event that it records
    (alerts/timeline/journal.py).

    Sealing (alerts/timeline/sealing.py) gives the entry its number in the alert's chain and its hash soon afterwards,
    and changes nothing else. Entries of kind MESSAGE are written by the sealing itself, from messaging's rows.
    """

    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=30, choices=EventKind)
    # The actor: "owner", "system", "operator", or "contact:<id>".
    by = models.CharField(max_length=50)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)
    # The MessageEvent that an entry of kind "message" reports. No foreign key: the entry outlives it.
    message_event_id = models.BigIntegerField(null=True)
    seq = models.PositiveIntegerField(null=True)
    hash = models.CharField(max_length=64, blank=True, db_default="")

    class Meta:
        indexes = [models.Index(fields=["id"], condition=Q(seq=None), name="event_to_seal")]
        constraints = [
            # The chain cannot fork, and no MessageEvent is reported twice.
            models.UniqueConstraint(fields=["alert", "seq"], condition=Q(seq__isnull=False), name="event_seq_once"),
            models.UniqueConstraint(
                fields=["alert", "message_event_id"],
                condition=Q(message_event_id__isnull=False),
                name="event_of_a_move_once",
            ),
            models.CheckConstraint(condition=Q(seq=None) ^ ~Q(hash=""), name="event_has_a_hash_iff_sealed"),
        ]

    def __str__(self) -> str:
        return f"alert {self.alert_id} {self.kind}"


class TimelineSeal(models.Model):
    """The end of an alert's chain: the number of sealed `entries`, and the hash of the last one, `head`.

    Sealing locks this row. If the last stored entry has another hash than `head`, later entries were deleted.
    """

    alert = models.OneToOneField(SosAlert, on_delete=models.CASCADE, primary_key=True, related_name="seal")
    entries = models.PositiveIntegerField(default=0)
    # The hash of the last sealed entry; empty if no entry is sealed.
    head = models.CharField(max_length=64, blank=True)
    # When to look for news of the alert's messages again. Null: the messages ended long ago.
    due_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="seal_due")]

    def __str__(self) -> str:
        return f"alert {self.alert_id} sealed to {self.entries}"


class NotificationKind(models.TextChoices):
    SOS = "sos"
    # The second SMS, when nobody has answered.
    REMINDER = "reminder"
    CALL = "call"
    # Tells the other contacts who is on the way.
    RESPONDER = "responder"
    ALL_CLEAR = "all_clear"
    DURESS = "duress"


# The kinds that ask for help.
CALLING = (NotificationKind.SOS, NotificationKind.REMINDER, NotificationKind.CALL)


class Notification(models.Model):
    """One message to one contact about one alert.

    Name, number and language are the contact's when the alert first asked the contact for help. The state of `message`,
    a row of the outbox, says whether the message arrived.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alert = models.ForeignKey(SosAlert, on_delete=models.CASCADE, related_name="notifications")
    # The contact's id at that time. No foreign key: an SOS must not wait or fail because another transaction is
    # deleting the contact.
    contact_id = models.UUIDField()
    kind = models.CharField(max_length=12, choices=NotificationKind)
    # Counts the notifications of one kind: the rounds of calls, or how often the contact on the way changed.
    round = models.PositiveSmallIntegerField(default=0)
    name = EncryptedTextField(about="name", max_length=100)
    phone_number = EncryptedNumberField()
    language = models.CharField(max_length=2, choices=Language)
    # Whether the contact had accepted to be one at that time (identity/contacts/consent.py).
    is_confirmed = models.BooleanField(default=True, db_default=True)
    # Not one to one: texts of two alerts to one phone within a moment become one message.
    message = models.ForeignKey(Message, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "contact_id", "kind", "round"], name="told_once_per_kind_and_round"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
