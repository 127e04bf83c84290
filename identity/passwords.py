"""Asking a signed-in person for the password again: whoever holds the unlocked phone may not be its owner."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password
from rest_framework.exceptions import APIException

from identity import rates
from identity.models import User
from identity.rates import Limit

CONFIRMATIONS = Limit(scope="password confirmed", times=10, window=timedelta(minutes=15))


class PasswordWrong(APIException):
    status_code = 403
    default_code = "password_wrong"
    default_detail = "The password is wrong."


def confirm(person: User, password: str, *, now: datetime) -> None:
    """Raises PasswordWrong or TooManyRequests. Call outside a transaction: a wrong try counts."""
    rates.spend(CONFIRMATIONS, str(person.id), now=now)
    if not check_password(password, person.password):
        raise PasswordWrong
