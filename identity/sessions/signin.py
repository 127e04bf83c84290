"""Signing in with a number and a password. Neither the answer nor its time tells whether the number is known."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password
from django.db import transaction

from identity import people
from identity.api import rates
from identity.api.rates import Limit
from identity.errors import Unproven
from identity.models import User
from identity.sessions import tokens

PER_ADDRESS = Limit(scope="sign-in from address", times=300, window=timedelta(hours=1))
# The one that stops guessing. It counts one stranger's tries, so it never keeps the owner out.
PER_NUMBER_AND_ADDRESS = Limit(scope="sign-in to number from address", times=10, window=timedelta(minutes=15))
# Against guessing from many addresses at once; so large that it takes a dozen of them to reach it.
PER_NUMBER = Limit(scope="sign-in to number", times=500, window=timedelta(hours=1))


class CredentialsInvalid(Unproven):
    code = "credentials_invalid"
    detail = "The phone number or the password is wrong."


def sign_in(*, phone_number: str, password: str, address: str, now: datetime) -> tokens.SignedIn:
    """Raises CredentialsInvalid, also for a person who was deactivated, or TooManyRequests."""
    spend_try(phone_number=phone_number, address=address, now=now)
    user = User.objects.filter(phone_number=phone_number).first()
    # Without a hash to compare with, Django computes one all the same.
    is_right = check_password(password, user.password if user else "")
    if user is None or not is_right or not user.is_active:
        raise CredentialsInvalid
    with transaction.atomic():
        # Changing the password signs out everybody who knew only the old one, also whoever is just signing in.
        if people.locked(user.id).password != user.password:
            raise CredentialsInvalid
        return tokens.SignedIn(user=user, tokens=tokens.open_session(user, now=now))


def spend_try(*, phone_number: str, address: str, now: datetime) -> None:
    """Count one try to sign in; raises TooManyRequests."""
    network = rates.network_of(address)
    rates.spend(PER_ADDRESS, network, now=now)
    rates.spend(PER_NUMBER_AND_ADDRESS, phone_number, network, now=now)
    rates.spend(PER_NUMBER, phone_number, now=now)
