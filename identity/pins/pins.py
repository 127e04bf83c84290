"""The PINs that end an alert. Neither the response nor its time shows which of the two was typed."""

from datetime import datetime, timedelta
from enum import Enum
from math import ceil
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from identity.errors import Forbidden
from identity.models import Pin, User
from identity.sessions import passwords

PIN_PATTERN = r"^[0-9]{4,8}$"

# Wrong tries without a lock: people mistype, most of all with shaking hands.
FREE_TRIES = 5
# After these each lock lasts twice as long as the one before, up to LONGEST_LOCK: a thief can try about 30 of 10,000
# PINs in a day. Pressing SOS needs no PIN, so a lock lets an alert go on and never stops one.
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)


class Proof(Enum):
    """The meaning of a typed PIN. NONE_SET: the person has no PINs."""

    NONE_SET = "none_set"
    SAFE = "safe"
    DURESS = "duress"


class PinRequired(Forbidden):
    code = "pin_required"
    detail = "The PIN is needed for this."


class PinWrong(Forbidden):
    code = "pin_wrong"
    detail = "The PIN is wrong."


class PinLocked(Forbidden):
    code = "pin_locked"
    detail = "Too many wrong PINs. Try again later."

    def __init__(self, *, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after_s = max(1, ceil(retry_after.total_seconds()))


def are_set(person_id: UUID) -> bool:
    return Pin.objects.filter(user_id=person_id).exists()


def put(*, person: User, password: str, safe_pin: str, duress_pin: str, now: datetime) -> None:
    """Set or replace both PINs, which must differ, and clear wrong tries and lock.

    Raises PasswordWrong or TooManyRequests.
    """
    passwords.confirm(person, password, now=now)
    values = {
        "safe_hash": make_password(safe_pin),
        "duress_hash": make_password(duress_pin),
        "wrong_tries": 0,
        "locked_until": None,
        "set_at": now,
    }
    Pin.objects.update_or_create(user=person, defaults=values)


def remove(*, person: User, password: str, now: datetime) -> None:
    """Remove both PINs: alerts then end without a PIN. Raises PasswordWrong or TooManyRequests."""
    passwords.confirm(person, password, now=now)
    Pin.objects.filter(user=person).delete()


def check(*, person_id: UUID, pin: str, now: datetime) -> Proof:
    """Find out which PIN this is. Call outside a transaction, so that a wrong try counts.

    Raises PinRequired if the person has PINs and `pin` is empty; PinLocked; PinWrong.
    """
    held = Pin.objects.filter(user_id=person_id).first()
    if held is None:
        return Proof.NONE_SET
    if not pin:
        raise PinRequired
    _spend_try(person_id, now=now)
    # Always compare both, in this order, so that the response time does not reveal which one matched.
    is_safe = check_password(pin, held.safe_hash)
    is_duress = check_password(pin, held.duress_hash)
    if not (is_safe or is_duress):
        raise PinWrong
    Pin.objects.filter(user_id=person_id).update(wrong_tries=0, locked_until=None)
    return Proof.DURESS if is_duress else Proof.SAFE


def _spend_try(person_id: UUID, *, now: datetime) -> None:
    # Count the try before comparing the PIN, in a transaction of its own: parallel guesses cannot exceed the tries.
    with transaction.atomic():
        held = Pin.objects.select_for_update().filter(user_id=person_id).first()
        if held is None:
            raise PinWrong  # The PINs were removed a moment ago.
        if held.locked_until and held.locked_until > now:
            raise PinLocked(retry_after=held.locked_until - now)
        held.wrong_tries += 1
        lock = _lock_after(held.wrong_tries)
        held.locked_until = now + lock if lock else None
        held.save(update_fields=["wrong_tries", "locked_until"])


def _lock_after(tries: int) -> timedelta:
    """The lock that follows if this try, the `tries`-th, is wrong."""
    if tries < FREE_TRIES:
        return timedelta(0)
    doublings = min(tries - FREE_TRIES, 10)
    return min(FIRST_LOCK * (1 << doublings), LONGEST_LOCK)
