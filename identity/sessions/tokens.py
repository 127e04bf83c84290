"""Tokens of signed-in devices. A refresh token names its Session and a generation (`jti`).

Each refresh begins the session's next generation. This replaces simplejwt's blacklist app, which stores whole tokens:
here the database holds only ids.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from identity.devices import credentials
from identity.errors import Unproven
from identity.models import Session, User
from identity.sessions import known_devices, older_keys
from identity.sessions.origins import NOWHERE, Origin

log = structlog.get_logger(__name__)

# Phones lose responses, so the refresh token before the current one works for this long after the refresh.
GRACE = timedelta(seconds=60)


class TokenInvalid(Unproven):
    code = "token_invalid"
    detail = "The refresh token is not valid. Sign in again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    access: str
    refresh: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    user: User
    tokens: Tokens
    device_token: str


def signed_in(person: User, *, now: datetime, origin: Origin) -> SignedIn:
    """Open a session and return its tokens with a token that makes the device a known one (known_devices.py)."""
    opened = open_session(person, now=now, origin=origin)
    return SignedIn(user=person, tokens=opened, device_token=known_devices.token_for(person))


def open_session(person: User, *, now: datetime, origin: Origin = NOWHERE) -> Tokens:
    """Store a session and return its tokens. Call it only when a password or code has just proved the person."""
    session = Session.objects.create(
        user=person,
        jti=uuid4().hex,
        rotated_at=now,
        expires_at=_expiry(now, created_at=now),
        created_at=now,
        last_used_at=now,
        authenticated_at=now,
        name=origin.name,
        platform=origin.platform,
        network=origin.network,
    )
    return _tokens(session, now=now)


def refresh(token: str, *, now: datetime, network: str = "") -> Tokens:
    """Return tokens of the next generation for the current refresh token.

    For the previous refresh token, return the current tokens again within GRACE: their response may have been lost.
    Any other token of the session was probably copied, so it revokes the session. Raises TokenInvalid.
    """
    session_id, jti = _read(token)
    session = Session.objects.select_related("user").filter(id=session_id, expires_at__gt=now).first()
    if session is None or session.revoked_at or not session.user.is_active:
        raise TokenInvalid
    # One conditional UPDATE: the slower of two racing refreshes finds that its token is now the previous one.
    rotated = Session.objects.filter(id=session_id, jti=jti, revoked_at=None).update(
        previous_jti=jti,
        jti=uuid4().hex,
        rotated_at=now,
        last_used_at=now,
        network=network or session.network,
        expires_at=_expiry(now, created_at=session.created_at),
    )
    session.refresh_from_db(fields=["jti", "previous_jti", "rotated_at", "expires_at", "revoked_at"])
    is_late_repeat = session.previous_jti == jti and session.rotated_at > now - GRACE
    if session.revoked_at or not (rotated or is_late_repeat):
        _revoke(session_id, now=now)
        log.warning("refresh_token_reused", session_id=str(session_id))
        raise TokenInvalid
    return _tokens(session, now=now)


def close(token: str, *, now: datetime) -> None:
    """Sign out the session of this refresh token and revoke the SOS credentials that it registered.

    An invalid token changes nothing.
    """
    try:
        session_id, _ = _read(token)
    except TokenInvalid:
        return
    with transaction.atomic():
        _revoke(session_id, now=now)
        credentials.revoke_of_sessions([session_id], now=now)


def close_others(*, person_id: UUID, keep: UUID | None, now: datetime) -> list[UUID]:
    """Sign out all devices of a person except the session `keep`; None keeps no session. Returns ids of the ended ones.

    SOS credentials stay valid.
    """
    others = Session.objects.filter(user_id=person_id, revoked_at=None).exclude(id__in=[keep] if keep else [])
    # Lock first, so that the ids are those of the rows that this call ends.
    ended = list(others.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    Session.objects.filter(id__in=ended).update(revoked_at=now)
    return ended


def _revoke(session_id: UUID, *, now: datetime) -> None:
    Session.objects.filter(id=session_id, revoked_at=None).update(revoked_at=now)


def _read(token: str) -> tuple[UUID, str]:
    """The session and the generation (`jti`) that a token names. Raises TokenInvalid."""
    # The refresh gives the session tokens of the present key.
    for kind in older_keys.kinds(RefreshToken):
        try:
            claims: Any = kind(cast(Any, token))  # simplejwt declares a Token here, but reads text
            return UUID(claims["sid"]), str(claims["jti"])
        except (TokenError, KeyError, ValueError, AttributeError):
            continue
    raise TokenInvalid


def _tokens(session: Session, *, now: datetime) -> Tokens:
    token: Any = RefreshToken()
    token.current_time = now
    token["user_id"], token["sid"], token["jti"] = str(session.user_id), str(session.id), session.jti
    token["exp"] = int(session.expires_at.timestamp())
    access: Any = token.access_token
    for issued in (token, access):
        # PyJWT refuses a token issued in the future, and the clocks of two machines may differ by seconds.
        del issued["iat"]
    return Tokens(access=str(access), refresh=str(token))


def _expiry(now: datetime, *, created_at: datetime) -> datetime:
    """The expiry of a session that is refreshed now: the lifetime of a refresh token, at most SIGNED_IN_DAYS of age."""
    lifetime: timedelta = RefreshToken.lifetime
    return min(now + lifetime, created_at + timedelta(days=settings.SIGNED_IN_DAYS))
