"""Access tokens of people who are signed in, each with a session of its own, and expired ones."""

from datetime import timedelta

from rest_framework_simplejwt.tokens import AccessToken

from identity.models import Session, User
from identity.sessions import tokens
from messaging.database import clock


def bearer(user: User, *, is_expired: bool = False) -> str:
    """The value of the header Authorization."""
    opened = tokens.open_session(user, now=clock.now())
    if not is_expired:
        return f"Bearer {opened.access}"
    token = AccessToken()
    token["user_id"], token["sid"] = str(user.id), str(Session.objects.filter(user=user).latest("id").id)
    token.set_exp(lifetime=-timedelta(minutes=1))
    return f"Bearer {token}"
