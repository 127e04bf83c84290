"""The result of each SMS and call to a contact in words that the owner understands: a status, a reason, a sentence."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext

from alerts.models import NotificationKind
from alerts.owner.notifications import ShownNotification
from alerts.owner.reasons import SENTENCES, Reason, reason_of_code
from messaging import states
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


# `unknown` is still `sending` to the owner: messaging is finding out whether the message left.
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
NOT_REACHED = tuple(STATUS_OF[state] for state in states.NOT_REACHED)
_CERTAINLY_NOT_DELIVERED = {STATUS_OF[state] for state in states.CERTAINLY_NOT_DELIVERED}

# The reason of a status when no error code says more.
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
# Messaging ended messages with these statuses. Their error code tells of an earlier delay, not of the end.
_ENDED_BY_US = {STATUS_OF[state] for state in states.ENDED_BY_US}


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One SMS or call that asked a contact for help, as the owner reads it.

    `reason`: why it did not arrive, or is tried again; None: there is nothing to say. `detail` is the reason as a
    sentence in the active language. `accepted_at`: when the provider took it.
    """

    channel: Channel
    status: Status
    reason: Reason | None
    detail: str | None
    updated_at: datetime
    accepted_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactTruth:
    """One contact, with `tries`: the first SMS and every later SMS or call that asked this contact for help, in order.

    `answer`: the contact's last answer (AnswerKind); None: the contact has not answered.
    """

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
        return any(tried.status not in _CERTAINLY_NOT_DELIVERED for tried in self.tries)


def try_of(asked: ShownNotification, *, is_over: bool) -> Try:
    """The status, reason and sentence of one notification; `is_over`: its alert has ended."""
    status = STATUS_OF[asked.state]
    reason = _reason(asked.channel, status, asked.error_code)
    if reason is Reason.TOO_LATE and is_over:
        reason = Reason.ALERT_ENDED  # The end of an alert is the deadline of its messages in flight.
    if reason is Reason.ALERT_ENDED and asked.kind != NotificationKind.SOS:
        reason = Reason.NOT_NEEDED  # An answer stops these too.
    if reason is not None and asked.channel is Channel.VOICE:
        reason = _OF_CALL.get(reason, reason)
    return Try(
        channel=asked.channel,
        status=status,
        reason=reason,
        detail=gettext(SENTENCES[reason]).format(name=asked.name) if reason else None,
        updated_at=asked.moved_at,
        accepted_at=asked.accepted_at,
        delivered_at=asked.final_at if status is Status.DELIVERED else None,
    )


def _reason(channel: Channel, status: Status, code: str) -> Reason | None:
    """Why a message did not arrive, or why a queued message is being tried again; None: it is at the carrier or
    delivered, or its first attempt is not over.
    """
    if status in (Status.SENT, Status.DELIVERED):
        return None
    if status in _ENDED_BY_US:
        return _REASON_OF_STATUS[status]
    return reason_of_code(channel, code) or _REASON_OF_STATUS.get(status)
