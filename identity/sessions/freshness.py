"""Fresh authentication: some changes, like ending other sessions, need proof of the person within FRESH_FOR.

Somebody who took an unlocked phone is signed in but does not know the password. Signing in, the code of the
registration and `POST me/reauthenticate/` are proofs.

Registering a device for SOS needs no fresh proof: somebody who cannot remember a password must still get an SOS button.
A thief's credential only raises an SOS, is listed with its last use, and ends with the session that registered it.
"""

from datetime import datetime, timedelta

from identity.errors import Forbidden
from identity.live_sessions import SessionEnded
from identity.models import Session, User
from identity.sessions import passwords

FRESH_FOR = timedelta(minutes=10)


class ReauthenticationRequired(Forbidden):
    code = "reauthentication_required"
    detail = "Enter the password again (me/reauthenticate/), then repeat this."


def require(person: User, *, now: datetime) -> None:
    """Raises ReauthenticationRequired unless this session proved the person within FRESH_FOR."""
    proved_at = person.session.authenticated_at if person.session else None
    if proved_at is None or proved_at <= now - FRESH_FOR:
        raise ReauthenticationRequired


def renew(person: User, password: str, *, now: datetime) -> datetime:
    """Prove the person by the password; returns the time until which the proof counts. Call outside a transaction.

    Raises PasswordWrong, TooManyRequests or SessionEnded.
    """
    passwords.confirm(person, password, now=now)
    own = Session.objects.filter(revoked_at=None)
    if not person.session or not own.filter(id=person.session.id).update(authenticated_at=now):
        raise SessionEnded
    return now + FRESH_FOR
