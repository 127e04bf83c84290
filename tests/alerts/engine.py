"""Moves that the engine and the provider make, in one step, and messages found in the outbox."""

import re
from datetime import timedelta
from uuid import UUID

from alerts.models import Notification, NotificationKind
from messaging.database import clock
from messaging.encryption import decrypt
from messaging.models import Attempt, AttemptOutcome, Deliverer, Message
from messaging.moves import Change, move
from messaging.states import State

_PATHS = {
    State.DISPATCHED: (State.DISPATCHED,),
    State.SENDING: (State.DISPATCHED, State.SENDING),
    State.UNKNOWN: (State.DISPATCHED, State.SENDING, State.UNKNOWN),
    State.ACCEPTED: (State.DISPATCHED, State.SENDING, State.ACCEPTED),
    State.SENT: (State.DISPATCHED, State.SENDING, State.ACCEPTED, State.SENT),
    State.DELIVERED: (State.DISPATCHED, State.SENDING, State.ACCEPTED, State.DELIVERED),
    State.UNDELIVERED: (State.DISPATCHED, State.SENDING, State.ACCEPTED, State.UNDELIVERED),
    State.FAILED: (State.DISPATCHED, State.SENDING, State.FAILED),
    State.EXPIRED: (State.EXPIRED,),
    State.CANCELLED: (State.CANCELLED,),
    State.UNCONFIRMED: (State.DISPATCHED, State.SENDING, State.UNKNOWN, State.UNCONFIRMED),
}
_OUTCOMES = {
    State.UNKNOWN: AttemptOutcome.UNKNOWN,
    State.UNCONFIRMED: AttemptOutcome.UNKNOWN,
    State.ACCEPTED: AttemptOutcome.ACCEPTED,
    State.SENT: AttemptOutcome.ACCEPTED,
    State.DELIVERED: AttemptOutcome.DELIVERED,
    State.UNDELIVERED: AttemptOutcome.UNDELIVERED,
    State.FAILED: AttemptOutcome.NOT_CREATED,
}


def drive(message: Message, to: State, *, code: str = "") -> None:
    """Take a queued message to a state by the moves the engine makes, with the attempt it leaves behind."""
    for state in _PATHS[to]:
        assert step(message, state, code=code if state == to else "")
        if state == State.SENDING:
            attempt(message, _OUTCOMES.get(to, AttemptOutcome.SENDING))


def step(message: Message, to: State, *, code: str = "") -> bool:
    change = Change(id=message.id, to=to, error_code=code)
    return bool(move([change], by=Deliverer.WORKER, now=clock.now()))


def attempt(message: Message, outcome: AttemptOutcome) -> Attempt:
    number = Attempt.objects.filter(message=message).count() + 1
    now = clock.now()
    Message.objects.filter(id=message.id).update(attempts=number)
    assert message.sender is not None
    return Attempt.objects.create(
        message=message,
        sender=message.sender,
        number=number,
        by=Deliverer.WORKER,
        outcome=outcome,
        started_at=now,
        deadline_at=now + timedelta(seconds=13),
    )


def messages(alert_id: str, kind: NotificationKind = NotificationKind.SOS) -> list[Message]:
    """The alert's messages of one kind, in the order of the contacts."""
    told = Notification.objects.filter(alert_id=UUID(alert_id), kind=kind).select_related("message")
    return [notification.message for notification in told.order_by("message_id")]


def all_clears(alert_id: str) -> list[Message]:
    return messages(alert_id, NotificationKind.ALL_CLEAR)


def text_of(message: Message) -> str:
    return decrypt(message.text or b"")


def link_in(message: Message) -> str:
    """The contact's link in an SOS."""
    (link,) = re.findall(r"https?://\S+/a/[\w-]{22}(?!\S)", text_of(message))
    return str(link)


def token_in(message: Message) -> str:
    return link_in(message).rpartition("/")[2]
