"""Signing in with phone number and password. Neither the response nor its time shows whether the number is known."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password
from django.db import transaction

from identity import people
from identity.api import rates
from identity.api.rates import Limit
from identity.errors import Unproven
from identity.models import User
from identity.sessions import known_devices, tokens
from identity.sessions.origins import NOWHERE, Origin

# Stored counts have these scopes, so the scopes keep the word "address" for the client IP.
# Mobile carriers put whole districts behind one client IP (CGNAT), so nobody may use up their neighbours' tries: beyond
# this number of wrong tries the network is busy, and each number has only FEW_FROM_BUSY_NETWORK tries from it.
PER_NETWORK = Limit(scope="sign-in from address", times=300, window=timedelta(hours=1))
FEW_FROM_BUSY_NETWORK = Limit(scope="sign-in to number from busy address", times=3, window=timedelta(minutes=15))
# Each try costs 20 ms of processor time for the hash, so there is an end.
AT_MOST_PER_NETWORK = Limit(scope="sign-in from address at most", times=3_000, window=timedelta(hours=1))
# The limit that stops guessing. It counts the tries from one network, so a stranger's tries never lock out the person.
PER_NUMBER_AND_NETWORK = Limit(scope="sign-in to number from address", times=10, window=timedelta(minutes=15))
# The limit against guessing from many networks at once: only about a dozen of them together reach it. Devices on which
# the person signed in before have limits of their own (known_devices.py).
PER_NUMBER = Limit(scope="sign-in to number", times=500, window=timedelta(hours=1))


class CredentialsInvalid(Unproven):
    code = "credentials_invalid"
    detail = "The phone number or the password is wrong."


def sign_in(
    *,
    phone_number: str,
    password: str,
    client_ip: str,
    now: datetime,
    device_token: str = "",
    origin: Origin = NOWHERE,
) -> tokens.SignedIn:
    """Check the password and open a session. Call outside a transaction, so that a wrong try counts.

    Raises TooManyRequests, or CredentialsInvalid, also for a deactivated person.
    """
    person = User.objects.filter(phone_number=phone_number).first()
    is_known_device = known_devices.spend_try(device_token, person, now=now)
    if not is_known_device:
        spend_try(phone_number=phone_number, client_ip=client_ip, now=now)
    # For an unknown number Django hashes too, so that the response takes as long.
    is_right = check_password(password, person.password if person else "")
    if person is None or not is_right or not person.is_active:
        raise CredentialsInvalid
    if not is_known_device:
        _give_back(client_ip=client_ip, now=now)
    with transaction.atomic():
        # A change of the password signs out all sessions of the old one, also a session that is just being opened.
        if people.locked(person.id).password != person.password:
            raise CredentialsInvalid
        return tokens.signed_in(person, now=now, origin=origin)


def spend_try(*, phone_number: str, client_ip: str, now: datetime) -> None:
    """Count one try to sign in from an unknown device by number and network. Raises TooManyRequests."""
    rates.spend_by_network(AT_MOST_PER_NETWORK, client_ip=client_ip, now=now)
    try:
        rates.spend_by_network(PER_NETWORK, client_ip=client_ip, now=now)
    except rates.TooManyRequests:
        rates.spend_by_network(FEW_FROM_BUSY_NETWORK, phone_number, client_ip=client_ip, now=now)
    rates.spend_by_network(PER_NUMBER_AND_NETWORK, phone_number, client_ip=client_ip, now=now)
    rates.spend(PER_NUMBER, phone_number, now=now)


def _give_back(*, client_ip: str, now: datetime) -> None:
    """Undo the count of a right try by network: people who share a carrier's IP address share these limits."""
    for limit in (AT_MOST_PER_NETWORK, PER_NETWORK):
        rates.give_back_by_network(limit, client_ip=client_ip, now=now)
