"""Weakening protection needs a PIN, once PINs are set: protected.py is the list of the requests.

A view proves its request with `proved` and hands the proof to the domain, which calls `require` where a change weakens
protection. The duress PIN warns the contacts at once. The change is then made only on the rows that the owner's devices
show. Kept rows (`is_kept`, `kept_of`, KeptPolicy) hold what was there before, and go on protecting the person.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request

from identity.api.requests import person
from identity.errors import InvalidField
from identity.pins import even_timing, pins, signals, tries
from identity.pins.pins import PIN_PATTERN, PinRequired, PinWrong, Proof
from messaging.database import clock

# Takes the place of `pin` in the body where a request has no body: a DELETE, or one without other fields.
HEADER = "X-Pin"
# Unlike `$`, which lets a line break pass, `fullmatch` takes nothing but the digits.
_PIN = re.compile(PIN_PATTERN.strip("^$"))


@contextmanager
def proved(request: Request, thing: str) -> Iterator[Proof]:
    """Check the PIN of the request, if it has one, for this thing, like "timer 0192…"; yield its meaning.

    With a PIN the `with` block lasts a whole number of `even_timing.STEP_S`, whichever PIN it is. Call outside a
    transaction, so that a wrong PIN counts. Raises InvalidField, EndsBusy, PinLocked and PinWrong. A missing PIN gives
    Proof.NOT_TYPED or NONE_SET: `require` raises PinRequired.
    """
    owner, pin = person(request), typed(request)
    with even_timing.in_steps(bool(pin)):
        yield _proof(owner.id, pin, thing=thing, now=clock.now())


def require(proof: Proof) -> None:
    """Raises PinRequired if PINs are set and the request has no PIN."""
    if proof is Proof.NOT_TYPED:
        raise PinRequired


def typed(request: Request) -> str:
    """The PIN in the header or else in the body; "": the request has none. Raises InvalidField for a malformed one."""
    body = request.data if isinstance(request.data, dict) else {}
    pin = request.headers.get(HEADER) or body.get("pin")
    if pin is None or pin == "":
        return ""
    if not (isinstance(pin, str) and _PIN.fullmatch(pin)):
        raise InvalidField("pin", "A PIN has 4 to 8 digits.", code="invalid")
    return pin


def _proof(person_id: UUID, pin: str, *, thing: str, now: datetime) -> Proof:
    if not pin:
        return Proof.NOT_TYPED if pins.are_set(person_id) else Proof.NONE_SET
    try:
        proof = pins.check(person_id=person_id, pin=pin, now=now, thing=thing)
    except PinWrong as error:
        _tell(person_id, is_duress=error.was_duress, settles=False, now=now)
        raise
    if proof is not Proof.NONE_SET:
        settles = proof is Proof.SAFE and not tries.was_duress_lately(person_id, now=now)
        _tell(person_id, is_duress=proof is Proof.DURESS, settles=settles, now=now)
    return proof


@transaction.atomic
def _tell(person_id: UUID, *, is_duress: bool, settles: bool, now: datetime) -> None:
    signals.pin_typed.send(sender=None, person_id=person_id, is_duress=is_duress, settles=settles, now=now)
