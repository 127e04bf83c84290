"""What became of a contact's SMS and calls, in words the person understands: a status, a reason, a sentence."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext

from alerts.models import Notification, NotificationKind, SosAlert
from alerts.owner.reasons import SENTENCES, Reason, reason_of_code
from messaging.models import Channel
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


# When no code says more than the status does.
_REASON_OF_STATUS = {
    Status.UNDELIVERED: Reason.NOT_DELIVERED,
    Status.FAILED: Reason.NOT_DELIVERED,
    Status.EXPIRED: Reason.TOO_LATE,
    Status.CANCELLED: Reason.ALERT_ENDED,
    Status.UNCONFIRMED: Reason.UNCONFIRMED,
}
_OF_CALL = {
    Reason.NOT_DELIVERED: Reason.CALL_FAILED,
    Reason.TOO_LATE: Reason.CALL_TOO_LATE,
    Reason.UNCONFIRMED: Reason.CALL_UNCONFIRMED,
}
# How these ended says more than what delayed them before.
_ENDED_BY_US = (Status.EXPIRED, Status.CANCELLED, Status.UNCONFIRMED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One SMS or call that asked a contact for help. `detail` is a sentence in the language that is active."""

    channel: Channel
    status: Status
    reason: Reason | None
    detail: str | None
    updated_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactTruth:
    """One contact, what became of their SOS, of everything that asked them for help since, and what they last said
    (AnswerKind)."""

    contact_id: UUID
    name: str
    phone_number: str
    tries: tuple[Try, ...]
    answer: str | None

    @property
    def sos(self) -> Try:
        return self.tries[0]

    @property
    def calls(self) -> list[Try]:
        return [tried for tried in self.tries if tried.channel is Channel.VOICE]

    @property
    def may_be_reached(self) -> bool:
        lost = (*NOT_REACHED, Status.CANCELLED)
        return any(tried.status not in lost for tried in self.tries)


def of(told: Notification, alert: SosAlert, *, updated_at: datetime) -> Try:
    """The truth of one notification; `updated_at` is when its message last moved."""
    message = told.message
    channel, status = Channel(message.channel), STATUS_OF[State(message.state)]
    reason = _reason(channel, status, message.error_code)
    if reason is Reason.TOO_LATE and alert.ended_at is not None:
        reason = Reason.ALERT_ENDED  # The end of an alert is the deadline of what was in flight.
    if reason is Reason.ALERT_ENDED and told.kind != NotificationKind.SOS:
        reason = Reason.NOT_NEEDED  # Also an answer stops these.
    if reason is not None and channel is Channel.VOICE:
        reason = _OF_CALL.get(reason, reason)
    return Try(
        channel=channel,
        status=status,
        reason=reason,
        detail=gettext(SENTENCES[reason]).format(name=told.name) if reason else None,
        updated_at=updated_at,
        delivered_at=message.final_at if status is Status.DELIVERED else None,
    )


def _reason(channel: Channel, status: Status, code: str) -> Reason | None:
    """Also for what is still queued: why it is being tried again."""
    if status in (Status.SENT, Status.DELIVERED):
        return None
    if status in _ENDED_BY_US:
        return _REASON_OF_STATUS[status]
    return reason_of_code(channel, code) or _REASON_OF_STATUS.get(status)
