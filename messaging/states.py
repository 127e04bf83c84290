"""The states of a message and the moves between them: one conditional UPDATE each, with its event row."""

from django.db.models import TextChoices


class State(TextChoices):
    QUEUED = "queued"
    DISPATCHED = "dispatched"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNCONFIRMED = "unconfirmed"


_IN_OUR_HANDS = {State.QUEUED, State.DISPATCHED, State.SENDING, State.UNKNOWN}

# Evidence (a callback, a look-up) moves any state that is not final forward at once; only `unconfirmed` may still
# learn the truth. Back to `queued`: a due retry, a missed slot, a lost hint, a proof that nothing was created.
REACHED_FROM: dict[State, set[State]] = {
    State.QUEUED: {State.DISPATCHED, State.SENDING, State.UNKNOWN, State.ACCEPTED, State.SENT},
    State.DISPATCHED: {State.QUEUED},
    State.SENDING: {State.DISPATCHED},
    State.UNKNOWN: {State.SENDING},
    State.ACCEPTED: _IN_OUR_HANDS,
    State.SENT: _IN_OUR_HANDS | {State.ACCEPTED, State.UNCONFIRMED},
    State.DELIVERED: _IN_OUR_HANDS | {State.ACCEPTED, State.SENT, State.UNCONFIRMED},
    State.UNDELIVERED: _IN_OUR_HANDS | {State.ACCEPTED, State.SENT, State.UNCONFIRMED},
    State.FAILED: _IN_OUR_HANDS | {State.ACCEPTED, State.SENT, State.UNCONFIRMED},
    State.EXPIRED: {State.QUEUED, State.DISPATCHED},
    State.CANCELLED: {State.QUEUED, State.DISPATCHED},
    State.UNCONFIRMED: _IN_OUR_HANDS | {State.ACCEPTED, State.SENT},
}

FINAL = (
    State.DELIVERED,
    State.UNDELIVERED,
    State.FAILED,
    State.EXPIRED,
    State.CANCELLED,
    State.UNCONFIRMED,
)

# Ends that say: no SMS of ours reached the phone.
WITHOUT_SMS = (State.UNDELIVERED, State.FAILED, State.EXPIRED, State.CANCELLED)

MOVES = [f"{origin}>{to}" for to, origins in REACHED_FROM.items() for origin in sorted(origins)]
