"""The states of a message, the table of allowed moves (REACHED_FROM), and the sets of states that rules use.

messaging/moves.py makes the moves, except granting (delivery/dispatch.py) and claiming (delivery/claims.py).
"""

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


# No create request is under way.
WAITING = (State.QUEUED, State.DISPATCHED)
# The provider has the message; reports are awaited.
WITH_THE_PROVIDER = (State.ACCEPTED, State.SENT)
# The provider certainly took the message.
TAKEN = (*WITH_THE_PROVIDER, State.DELIVERED)
# Steps of the engine that mean nothing to a person.
INTERNAL = (State.DISPATCHED, State.SENDING, State.UNKNOWN)
_NOT_TAKEN_YET = {*WAITING, State.SENDING, State.UNKNOWN}

# A report (a callback, a look-up) moves any state that is not final forward at once. Only `unconfirmed` may still be
# corrected by a report. A message goes back to `queued` for four reasons: a retry, a missed slot, a lost hint, or proof
# that the provider created nothing.
REACHED_FROM: dict[State, set[State]] = {
    State.QUEUED: {State.DISPATCHED, State.SENDING, State.UNKNOWN, State.ACCEPTED, State.SENT},
    State.DISPATCHED: {State.QUEUED},
    State.SENDING: {State.DISPATCHED},
    State.UNKNOWN: {State.SENDING},
    State.ACCEPTED: _NOT_TAKEN_YET,
    State.SENT: _NOT_TAKEN_YET | {State.ACCEPTED, State.UNCONFIRMED},
    State.DELIVERED: _NOT_TAKEN_YET | {State.ACCEPTED, State.SENT, State.UNCONFIRMED},
    State.UNDELIVERED: _NOT_TAKEN_YET | {State.ACCEPTED, State.SENT, State.UNCONFIRMED},
    State.FAILED: _NOT_TAKEN_YET | {State.ACCEPTED, State.SENT, State.UNCONFIRMED},
    State.EXPIRED: {*WAITING},
    State.CANCELLED: {*WAITING},
    State.UNCONFIRMED: _NOT_TAKEN_YET | {State.ACCEPTED, State.SENT},
}

MOVES = [f"{origin}>{to}" for to, origins in REACHED_FROM.items() for origin in sorted(origins)]

FINAL = (
    State.DELIVERED,
    State.UNDELIVERED,
    State.FAILED,
    State.EXPIRED,
    State.CANCELLED,
    State.UNCONFIRMED,
)
# No move leads away from these.
SETTLED = tuple(state for state in FINAL if state is not State.UNCONFIRMED)
# The message was wanted and certainly did not arrive.
NOT_REACHED = (State.UNDELIVERED, State.FAILED, State.EXPIRED)
# The message certainly did not arrive, wanted or not.
CERTAINLY_NOT_DELIVERED = (*NOT_REACHED, State.CANCELLED)
# The message was wanted, ended, and nothing shows that it arrived: another channel need not wait for the truth.
NOT_DELIVERED = (*NOT_REACHED, State.UNCONFIRMED)
# Messaging ended the message, not the provider. An error code then tells of an earlier delay, not of the end.
ENDED_BY_US = (State.EXPIRED, State.CANCELLED, State.UNCONFIRMED)
# Ended before a create request reached the provider, unless an attempt says otherwise (messaging/history.py).
ENDED_UNSENT = (State.FAILED, State.EXPIRED, State.CANCELLED)
# Late reports of the provider that settle the doubt about an `unconfirmed` message.
AFTER_A_DOUBT = (State.SENT, State.DELIVERED, State.UNDELIVERED)
