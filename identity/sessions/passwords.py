"""Passwords of signed-in people: asked for again, since whoever holds the unlocked phone may not be its owner, and
changed."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from identity import people
from identity.api import rates
from identity.api.rates import Limit
from identity.errors import Forbidden
from identity.models import User
from identity.sessions import tokens

CONFIRMATIONS = Limit(scope="password confirmed", times=10, window=timedelta(minutes=15))


class PasswordWrong(Forbidden):
    code = "password_wrong"
    detail = "The password is wrong."


def confirm(person: User, password: str, *, now: datetime) -> None:
    """Raises PasswordWrong or TooManyRequests. Call outside a transaction: a wrong try counts."""
    rates.spend(CONFIRMATIONS, str(person.id), now=now)
    if not check_password(password, person.password):
        raise PasswordWrong


def change(*, person: User, password: str, new_password: str, session_id: UUID | None, now: datetime) -> None:
    """Sign out every other session. SOS credentials stay: a device must not lose its button because of this.

    Raises PasswordWrong, also when it was changed meanwhile, or TooManyRequests. Call outside a transaction.
    """
    confirm(person, password, now=now)
    new_hash = make_password(new_password)
    with transaction.atomic():
        held = people.locked(person.id)
        if held.password != person.password:
            raise PasswordWrong
        held.password = new_hash
        held.save(update_fields=["password"])
        tokens.close_others(person_id=person.id, keep=session_id, now=now)
