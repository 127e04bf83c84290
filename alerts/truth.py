"""What became of a contact's SMS, in words the person in danger understands: a status, a reason, a sentence."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from alerts.models import Notification, SosAlert
from messaging.states import State


class Status(TextChoices):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNCONFIRMED = "unconfirmed"


# `unknown` is still `sending` to the person: it is being found out whether the SMS left.
STATUS_OF = {
    State.QUEUED: Status.QUEUED,
    State.DISPATCHED: Status.QUEUED,
    State.SENDING: Status.SENDING,
    State.UNKNOWN: Status.SENDING,
    State.ACCEPTED: Status.SENT,
    State.SENT: Status.SENT,
    State.DELIVERED: Status.DELIVERED,
    State.UNDELIVERED: Status.UNDELIVERED,
    State.FAILED: Status.FAILED,
    State.EXPIRED: Status.EXPIRED,
    State.CANCELLED: Status.CANCELLED,
    State.UNCONFIRMED: Status.UNCONFIRMED,
}
ON_THE_WAY = (Status.QUEUED, Status.SENDING, Status.SENT)
NOT_REACHED = (Status.UNDELIVERED, Status.FAILED, Status.EXPIRED)


class Reason(TextChoices):
    INVALID_NUMBER = "invalid_number"
    CANNOT_RECEIVE_SMS = "cannot_receive_sms"
    REFUSES_SMS = "refuses_sms"
    PHONE_UNREACHABLE = "phone_unreachable"
    NUMBER_NOT_IN_USE = "number_not_in_use"
    BLOCKED_BY_CARRIER = "blocked_by_carrier"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    RECIPIENT_CEILING = "recipient_ceiling"
    SERVICE_TROUBLE = "service_trouble"
    NOT_DELIVERED = "not_delivered"
    TOO_LATE = "too_late"
    ALERT_ENDED = "alert_ended"
    UNCONFIRMED = "unconfirmed"


# Codes of the outbox and of Twilio (https://www.twilio.com/docs/api/errors).
REASON_OF_CODE = {
    "country_not_allowed": Reason.COUNTRY_NOT_ALLOWED,
    "recipient_ceiling": Reason.RECIPIENT_CEILING,
    "opted_out": Reason.REFUSES_SMS,
    "no_sender": Reason.SERVICE_TROUBLE,
    "daily_cap": Reason.SERVICE_TROUBLE,
    "21211": Reason.INVALID_NUMBER,
    "21408": Reason.COUNTRY_NOT_ALLOWED,
    "21610": Reason.REFUSES_SMS,
    "21612": Reason.CANNOT_RECEIVE_SMS,
    "21614": Reason.CANNOT_RECEIVE_SMS,
    "21635": Reason.CANNOT_RECEIVE_SMS,
    "30002": Reason.SERVICE_TROUBLE,
    "30003": Reason.PHONE_UNREACHABLE,
    "30004": Reason.REFUSES_SMS,
    "30005": Reason.NUMBER_NOT_IN_USE,
    "30006": Reason.CANNOT_RECEIVE_SMS,
    "30007": Reason.BLOCKED_BY_CARRIER,
    "30034": Reason.BLOCKED_BY_CARRIER,
    "30450": Reason.BLOCKED_BY_CARRIER,
    # What only the operator or the provider can put right: their alarms tell them the code.
    **dict.fromkeys(
        ("20003", "20404", "20429", "20500", "20503", "21602", "21603", "21606", "21608", "21611", "21617"),
        Reason.SERVICE_TROUBLE,
    ),
    **dict.fromkeys(("30001", "30008", "30410", "63038"), Reason.SERVICE_TROUBLE),
}

# When no code says more than the status does.
_REASON_OF_STATUS = {
    Status.UNDELIVERED: Reason.NOT_DELIVERED,
    Status.FAILED: Reason.NOT_DELIVERED,
    Status.EXPIRED: Reason.TOO_LATE,
    Status.CANCELLED: Reason.ALERT_ENDED,
    Status.UNCONFIRMED: Reason.UNCONFIRMED,
}
# How these ended says more than what delayed them before.
_ENDED_BY_US = (Status.EXPIRED, Status.CANCELLED, Status.UNCONFIRMED)

SENTENCES = {
    Reason.INVALID_NUMBER: _("{name}'s number is not a valid phone number"),
    Reason.CANNOT_RECEIVE_SMS: _("{name}'s number cannot receive SMS"),
    Reason.REFUSES_SMS: _("{name}'s number refuses SMS"),
    Reason.PHONE_UNREACHABLE: _("{name}'s phone is off or out of reach"),
    Reason.NUMBER_NOT_IN_USE: _("{name}'s number is not in use"),
    Reason.BLOCKED_BY_CARRIER: _("the carrier blocked the SMS to {name}"),
    Reason.COUNTRY_NOT_ALLOWED: _("SMS cannot be sent to the country of {name}'s number"),
    Reason.RECIPIENT_CEILING: _("{name}'s number already got its emergency SMS of this hour"),
    Reason.SERVICE_TROUBLE: _("the SMS service has trouble sending to {name}"),
    Reason.NOT_DELIVERED: _("the SMS to {name} was not delivered"),
    Reason.TOO_LATE: _("the SMS to {name} could not be sent in time"),
    Reason.ALERT_ENDED: _("{name} was not told: the alert had ended"),
    Reason.UNCONFIRMED: _("it is not known whether {name} got the SMS"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactTruth:
    """One contact and what became of their SMS. `detail` is a sentence in the language that is active."""

    contact_id: UUID
    name: str
    phone_number: str
    status: Status
    reason: Reason | None
    detail: str | None
    updated_at: datetime
    delivered_at: datetime | None
    answer: str | None


def of(told: Notification, alert: SosAlert, *, updated_at: datetime, answer: str | None) -> ContactTruth:
    """The truth of one SOS notification; `updated_at` is when its message last moved, `answer` what the contact said
    since (AnswerKind)."""
    message = told.message
    status = STATUS_OF[State(message.state)]
    reason = _reason(status, message.error_code)
    if reason is Reason.TOO_LATE and alert.ended_at is not None:
        reason = Reason.ALERT_ENDED  # The end of an alert is the deadline of what was in flight.
    return ContactTruth(
        contact_id=told.contact_id,
        name=told.name,
        phone_number=str(told.phone_number),
        status=status,
        reason=reason,
        detail=gettext(SENTENCES[reason]).format(name=told.name) if reason else None,
        updated_at=updated_at,
        delivered_at=message.final_at if status is Status.DELIVERED else None,
        answer=answer,
    )


def _reason(status: Status, code: str) -> Reason | None:
    """Also for what is still queued: why it is being tried again."""
    if status in (Status.SENT, Status.DELIVERED):
        return None
    if status in _ENDED_BY_US:
        return _REASON_OF_STATUS[status]
    return REASON_OF_CODE.get(code) or _REASON_OF_STATUS.get(status)
