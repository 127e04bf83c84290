"""The open sessions of a person: listed for the person, ended by the person or by an operator."""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from identity import live_sessions, people
from identity.devices import credentials
from identity.errors import NotFound
from identity.models import Session, User
from identity.sessions import freshness, tokens

log = structlog.get_logger(__name__)

# The newest sessions that a list shows. Ending all others ends the older ones too.
SHOWN = 100


def listed(person_id: UUID, *, now: datetime) -> list[Session]:
    """The person's open sessions, newest first, at most SHOWN."""
    return list(_open(person_id).filter(expires_at__gt=now).order_by("-id")[:SHOWN])


def end(*, person: User, session_id: UUID, now: datetime) -> None:
    """Sign out one session and revoke the SOS credentials that it registered.

    Raises NotFound, also for another person's session; SessionEnded if the session of this request has ended. A session
    other than that of this request needs a fresh proof: raises ReauthenticationRequired.
    """
    if not person.session or person.session.id != session_id:
        freshness.require(person, now=now)
    with transaction.atomic():
        _hold(person)
        if not _open(person.id).filter(id=session_id).update(revoked_at=now):
            raise NotFound
        credentials.revoke_of_sessions([session_id], now=now)


def end_others(*, person: User, now: datetime) -> None:
    """Sign out all sessions but that of this request and revoke the SOS credentials that they registered.

    Raises ReauthenticationRequired or SessionEnded.
    """
    freshness.require(person, now=now)
    with transaction.atomic():
        _hold(person)
        keep = person.session.id if person.session else None
        ended = tokens.close_others(person_id=person.id, keep=keep, now=now)
        credentials.revoke_of_sessions(ended, now=now)


def end_by_operator(*, person_id: UUID, operator_id: UUID, with_credentials: bool, now: datetime) -> int:
    """Sign a person out everywhere; returns the number of ended sessions.

    `with_credentials` also revokes all SOS credentials: then no device of the person can raise an SOS.
    """
    with transaction.atomic():
        ended = tokens.close_others(person_id=person_id, keep=None, now=now)
        if with_credentials:
            credentials.revoke_all(person_id, now=now)
    log.warning(
        "sessions_ended_by_operator",
        person_id=str(person_id),
        operator_id=str(operator_id),
        sessions=len(ended),
        with_credentials=with_credentials,
    )
    return len(ended)


def _hold(person: User) -> None:
    """Lock the person and this request's session. If two sessions end each other, the second raises SessionEnded."""
    people.locked(person.id)
    if person.session:
        live_sessions.hold(person.session.id)


def _open(person_id: UUID) -> QuerySet[Session]:
    return Session.objects.filter(user_id=person_id, revoked_at=None)
