"""Signing in with phone number and password. Neither the response nor its time shows whether the number is known."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password
from django.db import transaction

from identity import people
from identity.api import rates
from identity.api.rates import Limit
from identity.errors import Unproven
from identity.models import User
from identity.sessions import tokens

# Stored counts have these scopes, so the scopes keep the word "address" for the client IP.
PER_NETWORK = Limit(scope="sign-in from address", times=300, window=timedelta(hours=1))
# The limit that stops guessing. It counts the tries from one network, so a stranger's tries never lock out the person.
PER_NUMBER_AND_NETWORK = Limit(scope="sign-in to number from address", times=10, window=timedelta(minutes=15))
# The limit against guessing from many networks at once: only about a dozen of them together reach it.
PER_NUMBER = Limit(scope="sign-in to number", times=500, window=timedelta(hours=1))


class CredentialsInvalid(Unproven):
    code = "credentials_invalid"
    detail = "The phone number or the password is wrong."


def sign_in(*, phone_number: str, password: str, client_ip: str, now: datetime) -> tokens.SignedIn:
    """Check the password and open a session.

    Raises TooManyRequests, or CredentialsInvalid, also for a deactivated person.
    """
    spend_try(phone_number=phone_number, client_ip=client_ip, now=now)
    person = User.objects.filter(phone_number=phone_number).first()
    # For an unknown number Django hashes too, so that the response takes as long.
    is_right = check_password(password, person.password if person else "")
    if person is None or not is_right or not person.is_active:
        raise CredentialsInvalid
    with transaction.atomic():
        # A change of the password signs out all sessions of the old one, also a session that is just being opened.
        if people.locked(person.id).password != person.password:
            raise CredentialsInvalid
        return tokens.SignedIn(user=person, tokens=tokens.open_session(person, now=now))


def spend_try(*, phone_number: str, client_ip: str, now: datetime) -> None:
    """Count one try to sign in. Raises TooManyRequests."""
    network = rates.network_of(client_ip)
    rates.spend(PER_NETWORK, network, now=now)
    rates.spend(PER_NUMBER_AND_NETWORK, phone_number, network, now=now)
    rates.spend(PER_NUMBER, phone_number, now=now)
