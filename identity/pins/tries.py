"""Counts tries at a person's PINs. PostgreSQL decides, so parallel guesses cannot exceed the limit.

Every TRY_LASTS one wrong try is forgotten. Neither a right PIN nor new PINs make that faster; only removing the PINs
does, which needs the password. Both PINs and all alerts share one count. In any 24 hours at most FREE_TRIES +
24 h / TRY_LASTS = 28 wrong PINs are compared.
"""

from datetime import datetime, timedelta
from uuid import UUID

from identity.models import AcceptedPin
from messaging.database.sql import rows

# Wrong tries that may stand at one time: people mistype, most of all with shaking hands.
FREE_TRIES = 8
TRY_LASTS = timedelta(minutes=72)
# After a PIN was accepted for an alert, no other PIN is accepted for that alert for this long.
HELD_FOR = timedelta(hours=1)

# Each standing try moves `tries_forgotten_at` further by TRY_LASTS.
_SPEND = """
UPDATE identity_pin SET tries_forgotten_at = greatest(tries_forgotten_at, %(now)s) + %(lasts)s
WHERE user_id = %(person)s AND (tries_forgotten_at IS NULL OR tries_forgotten_at <= %(now)s + %(free)s - %(lasts)s)
RETURNING safe_hash, duress_hash
"""
_GIVE_BACK = "UPDATE identity_pin SET tries_forgotten_at = tries_forgotten_at - %s WHERE user_id = %s"
# The hour begins with the first of equal PINs: repeating one does not keep the other out for longer.
_HOLD = """
INSERT INTO identity_acceptedpin AS a (user_id, thing, is_duress, at)
VALUES (%(person)s, %(thing)s, %(is_duress)s, %(now)s)
ON CONFLICT (user_id, thing) DO UPDATE
    SET is_duress = excluded.is_duress, at = CASE WHEN a.at <= %(long_ago)s THEN excluded.at ELSE a.at END
    WHERE a.at <= %(long_ago)s OR a.is_duress = excluded.is_duress
RETURNING id
"""


def spend(person_id: UUID, *, now: datetime) -> tuple[str, str] | None:
    """Count a try before its PIN is compared. Returns the hashes of the safe and duress PIN; None: no try is left."""
    times = {"now": now, "lasts": TRY_LASTS, "free": FREE_TRIES * TRY_LASTS}
    found = rows(_SPEND, {"person": person_id} | times)
    return (found[0][0], found[0][1]) if found else None


def give_back(person_id: UUID) -> None:
    """Take back the one try that `spend` has just counted: its PIN was right. Other tries stay."""
    rows(_GIVE_BACK, [TRY_LASTS, person_id])


def next_free(forgotten_at: datetime, *, now: datetime) -> timedelta:
    """The time until one more PIN may be tried. `forgotten_at` is the person's `tries_forgotten_at`."""
    return forgotten_at - (FREE_TRIES - 1) * TRY_LASTS - now


def hold(person_id: UUID, thing: str, *, is_duress: bool, now: datetime) -> bool:
    """Accept only this PIN for the thing during HELD_FOR. False: the other PIN was accepted for it within HELD_FOR."""
    held = {"person": person_id, "thing": thing, "is_duress": is_duress, "now": now, "long_ago": now - HELD_FOR}
    return bool(rows(_HOLD, held))


def was_duress_lately(person_id: UUID, *, now: datetime) -> bool:
    """Whether the duress PIN was accepted for anything within HELD_FOR."""
    return AcceptedPin.objects.filter(user=person_id, is_duress=True, at__gt=now - HELD_FOR).exists()
