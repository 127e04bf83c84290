"""Locks a session while a row that ends with it is added, so that signing out at the same moment finds the row."""

from uuid import UUID

from identity.errors import Unproven
from identity.models import Session


class SessionEnded(Unproven):
    """The session was signed out, has expired or was deleted, or the token names no session."""

    code = "session_ended"
    detail = "This session has ended. Sign in again."


def hold(session_id: UUID) -> None:
    """Lock the session until the end of the transaction, so that signing out waits. Raises SessionEnded."""
    live = Session.objects.select_for_update(no_key=True).filter(id=session_id, revoked_at=None)
    if not live.values_list("id", flat=True).first():
        raise SessionEnded
