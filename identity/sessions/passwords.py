"""Confirms and changes the password of a signed-in person.

Important changes ask for the password again, because another person may hold the unlocked phone.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from identity import live_sessions, people
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
    """Check the person's password. Call outside a transaction, so that a wrong try counts.

    Raises PasswordWrong or TooManyRequests.
    """
    rates.spend(CONFIRMATIONS, str(person.id), now=now)
    if not check_password(password, person.password):
        raise PasswordWrong


def change(*, person: User, password: str, new_password: str, session_id: UUID | None, now: datetime) -> None:
    """Change the password and sign out every other session. Call outside a transaction.

    SOS credentials stay valid, so that no device loses its SOS button. Raises TooManyRequests,
    SessionEnded, or PasswordWrong, also if the password was changed meanwhile.
    """
    confirm(person, password, now=now)
    new_hash = make_password(new_password)
    with transaction.atomic():
        held = people.locked(person.id)
        if session_id:
            live_sessions.hold(session_id)
        if held.password != person.password:
            raise PasswordWrong
        held.password = new_hash
        held.save(update_fields=["password"])
        tokens.close_others(person_id=person.id, keep=session_id, now=now)
