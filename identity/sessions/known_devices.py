"""Devices on which a person signed in before. Other people's wrong tries do not lock the person out on them.

A device token is signed and not stored. It names the person and a random id of the device. It does not sign anybody in:
tries that come with it only count against separate limits (PER_DEVICE, PER_PERSON). Apps keep it after signing out.
"""

import secrets
from datetime import datetime, timedelta

from django.core.signing import BadSignature, TimestampSigner

from identity.api import rates
from identity.api.rates import Limit, TooManyRequests
from identity.models import User

# The time since the last sign-in on the device.
KNOWN_FOR = timedelta(days=400)
LONGEST_TOKEN = 300
PER_DEVICE = Limit(scope="sign-in from known device", times=10, window=timedelta(minutes=15))
# Somebody who once knew the password may hold several tokens, so all devices of a person have a limit together.
PER_PERSON = Limit(scope="sign-in from known devices of person", times=60, window=timedelta(hours=1))


def token_for(person: User) -> str:
    """A token for the device on which the person has just signed in."""
    return _signer().sign_object([str(person.id), secrets.token_urlsafe(12)])


def spend_try(token: str, person: User | None, *, now: datetime) -> bool:
    """Count a try to sign in with this device token.

    False: the token is invalid, expired, another person's or out of tries. After False the caller counts the try
    against the limits for unknown devices.
    """
    device = _device_of(token, person)
    if device is None or person is None:
        return False
    try:
        rates.spend(PER_DEVICE, device, now=now)
        rates.spend(PER_PERSON, str(person.id), now=now)
    except TooManyRequests:
        return False
    return True


def _device_of(token: str, person: User | None) -> str | None:
    try:
        named, device = _signer().unsign_object(token, max_age=KNOWN_FOR)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(device) if person and named == str(person.id) else None


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="alertme known device")
