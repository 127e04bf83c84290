"""The second factor of operators: a code of an authenticator app, or one of ten recovery codes.

Only `manage.py enrolstaff` sets it up: somebody who found out a password must not set up an app of their own.
"""

import base64
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import transaction

from identity.api import rates
from identity.api.rates import Limit
from identity.models import StaffFactor, User
from identity.staff import totp
from messaging.database import clock
from messaging.encryption import STAFF_FACTOR, Unreadable, decrypt, encrypt
from messaging.operations.alarms import alarm

# Counted only after the right password, so that a stranger cannot lock an operator out. Three codes count at a time:
# 30 tries a day find one with a chance of 1 in 11,000.
TRIES = (
    Limit(scope="staff codes", times=10, window=timedelta(hours=1)),
    Limit(scope="staff codes", times=30, window=timedelta(days=1)),
)
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10  # 80 bits: nobody guesses one, so a plain hash is enough.
_SEPARATORS = re.compile(r"[\s-]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Enrolment:
    """Secrets for the operator to keep. They cannot be shown again."""

    secret: str
    url: str
    recovery_codes: list[str]


def enrol(person: User, *, now: datetime) -> Enrolment:
    """Give an operator a new secret and new recovery codes. The earlier ones and all admin sessions end."""
    secret = totp.new_secret()
    recovery = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    values = {
        "secret": encrypt(secret, about=STAFF_FACTOR),
        "recovery_hashes": [_hash(each) for each in recovery],
        "last_step": 0,
        "sessions_from": now,
    }
    StaffFactor.objects.update_or_create(user=person, defaults=values)
    return Enrolment(secret=secret, url=totp.url(secret, account=str(person.phone_number)), recovery_codes=recovery)


def prove(person: User, typed: str, *, now: datetime) -> bool:
    """Whether `typed` is a valid code of the operator; a valid code is used up. Call outside a transaction.

    Beyond TRIES it alarms the operator of the installation and returns False.
    """
    try:
        for limit in TRIES:
            rates.spend(limit, str(person.id), now=now)
    except rates.TooManyRequests:
        alarm("staff_codes_guessed", now=now, person_id=str(person.id))
        return False
    wanted = _SEPARATORS.sub("", typed).upper()
    return _use_code(person, wanted, now=now) or _use_recovery(person, wanted)


def end_sessions(person_id: UUID, *, now: datetime) -> None:
    """End the operator's admin sessions; the second factor itself stays."""
    StaffFactor.objects.filter(user_id=person_id).update(sessions_from=now)


def is_proved(person_id: UUID, *, at: datetime, lasts: timedelta) -> bool:
    """Whether an admin session that proved the factor `at` this time counts: for `lasts`, unless ended since."""
    recent = clock.now() - lasts < at
    return recent and StaffFactor.objects.filter(user_id=person_id, sessions_from__lte=at).exists()


def _use_code(person: User, typed: str, *, now: datetime) -> bool:
    factor = StaffFactor.objects.filter(user=person).first()
    if factor is None or not typed.isascii():
        return False
    try:
        step = totp.step_of(typed, secret=decrypt(factor.secret, about=STAFF_FACTOR), at_s=now.timestamp())
    except Unreadable:
        return False  # Its key is gone: enrol again.
    if step is None:
        return False
    # One conditional UPDATE: a code that somebody saw over a shoulder counts only once.
    return bool(StaffFactor.objects.filter(user=person, last_step__lt=step).update(last_step=step))


def _use_recovery(person: User, typed: str) -> bool:
    with transaction.atomic():
        factor = StaffFactor.objects.select_for_update(no_key=True).filter(user=person).first()
        if factor is None or _hash(typed) not in factor.recovery_hashes:
            return False
        factor.recovery_hashes.remove(_hash(typed))
        factor.save(update_fields=["recovery_hashes"])
    return True


def _hash(code: str) -> str:
    return sha256(code.encode("utf-8", "replace")).hexdigest()
