"""The PINs that end an alert. Neither the response nor its time shows which of the two was typed."""

from datetime import datetime, timedelta
from enum import Enum
from math import ceil
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password

from identity.api import rates
from identity.api.rates import Limit, TooManyRequests
from identity.errors import Forbidden
from identity.models import Pin, User
from identity.pins import tries, trivial

PIN_PATTERN = r"^[0-9]{4,8}$"
# Right PINs too: comparing one costs a tenth of a second of processor.
TYPED = Limit(scope="PINs typed", times=100, window=timedelta(hours=1))


class Proof(Enum):
    """The meaning of a typed PIN. NONE_SET: the person has no PINs. NOT_TYPED: they have, and none was typed."""

    NONE_SET = "none_set"
    NOT_TYPED = "not_typed"
    SAFE = "safe"
    DURESS = "duress"


class PinRequired(Forbidden):
    code = "pin_required"
    detail = "The PIN is needed for this."


class PinWrong(Forbidden):
    """`was_duress`: the duress PIN was typed where only the safe PIN is accepted now (`tries.hold`). Never show it."""

    code = "pin_wrong"
    detail = "The PIN is wrong."

    def __init__(self, *, was_duress: bool = False) -> None:
        super().__init__()
        self.was_duress = was_duress


class PinLocked(Forbidden):
    code = "pin_locked"
    detail = "Too many wrong PINs. Try again later."

    def __init__(self, *, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after_s = max(1, ceil(retry_after.total_seconds()))


def are_set(person_id: UUID) -> bool:
    return Pin.objects.filter(user_id=person_id).exists()


def put(*, person: User, safe_pin: str, duress_pin: str, now: datetime) -> None:
    """Set or replace both PINs. Earlier wrong tries still count. Raises InvalidField for PINs refused by trivial.py."""
    trivial.refuse(safe_pin, duress_pin, own_number=str(person.phone_number))
    values = {"safe_hash": make_password(safe_pin), "duress_hash": make_password(duress_pin), "set_at": now}
    Pin.objects.update_or_create(user=person, defaults=values)


def remove(person: User) -> None:
    """Remove both PINs and their wrong tries: alerts then end without a PIN. The caller has checked the password."""
    Pin.objects.filter(user=person).delete()


def check(*, person_id: UUID, pin: str, now: datetime, thing: str = "") -> Proof:
    """Find out which of the person's PINs `pin` is. Call outside a transaction, so that a wrong try counts.

    `thing` names the object the PIN is typed for. Once a PIN was accepted for it, the other PIN is wrong for it during
    `tries.HELD_FOR`, so nobody can try PINs on an alert that seems to have ended. Raises PinRequired if the person has
    PINs and `pin` is empty; PinLocked; PinWrong.
    """
    if not are_set(person_id):
        return Proof.NONE_SET
    if not pin:
        raise PinRequired
    is_safe, is_duress = _heard(person_id, pin, now=now)
    if not (is_safe or is_duress):
        raise PinWrong
    if thing and not tries.hold(person_id, thing, is_duress=is_duress, now=now):
        raise PinWrong(was_duress=is_duress)
    tries.give_back(person_id)
    return Proof.DURESS if is_duress else Proof.SAFE


def _heard(person_id: UUID, pin: str, *, now: datetime) -> tuple[bool, bool]:
    """Whether the PIN is the safe PIN, and whether it is the duress PIN.

    Raises PinLocked without a comparison, or PinWrong if the PINs were removed or replaced at this moment.
    """
    try:
        rates.spend(TYPED, str(person_id), now=now)
    except TooManyRequests as error:
        raise PinLocked(retry_after=timedelta(seconds=error.retry_after_s or 1)) from error
    hashes = tries.spend(person_id, now=now)
    if hashes is None:
        held = Pin.objects.filter(user_id=person_id).first()
        if held is None or held.tries_forgotten_at is None:
            raise PinWrong  # The PINs were removed or replaced a moment ago.
        raise PinLocked(retry_after=tries.next_free(held.tries_forgotten_at, now=now))
    # Always compare both, in this order, so that the response time does not reveal which one matched.
    return check_password(pin, hashes[0]), check_password(pin, hashes[1])
