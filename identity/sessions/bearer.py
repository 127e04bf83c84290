"""Authenticates a person by their access token.

It is a module of its own, because DRF's settings import it before DRF's views can be imported.
"""

import re
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db import connection
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken as AccessTokenOfPerson
from rest_framework_simplejwt.tokens import Token

from identity.api.addresses import client_ip, coarse
from identity.live_sessions import SessionEnded
from identity.models import NETWORK, Session, User
from identity.sessions import older_keys
from messaging import encryption
from messaging.database.sql import rows

# `last_used_at` is exact to the minute, so that a session's row is written at most once a minute.
_USE_NOTED_EVERY = timedelta(minutes=1)
_COLUMNS = [field.attname for field in User._meta.concrete_fields]
# Columns that are encrypted, by their place.
_ENCRYPTED = [
    (place, field.from_db_value)
    for place, field in enumerate(User._meta.concrete_fields)
    if hasattr(field, "from_db_value")
]
# In the order of the model: from_db reads the values in that order, whatever the names say.
_NEEDED = {"id", "user_id", "last_used_at", "authenticated_at"}
_SESSION = [field.attname for field in Session._meta.concrete_fields if field.attname in _NEEDED]
MOST_TOKENS = 3
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# One statement finds the person and checks the session, so a session that ended is refused with the next request.
_PERSON = """
SELECT clock_timestamp(), {columns}
FROM identity_session session JOIN identity_user person ON person.id = session.user_id
WHERE session.id = %s AND person.id = %s AND session.revoked_at IS NULL AND session.expires_at > clock_timestamp()
""".format(columns=", ".join([*(f"session.{name}" for name in _SESSION), *(f"person.{name}" for name in _COLUMNS)]))
# A locked row is skipped: a request never waits to note its time.
_NOTE_USE = """
UPDATE identity_session SET last_used_at = %(now)s, network = %(network)s WHERE id = (
    SELECT id FROM identity_session WHERE id = %(id)s AND revoked_at IS NULL FOR NO KEY UPDATE SKIP LOCKED
)
"""


def tokens_in(header: str) -> list[str]:
    """The tokens of an Authorization header, at most MOST_TOKENS.

    The scheme is written in any case (RFC 9110, 11.1). Some clients leave it out, and proxies join several headers by
    commas.
    """
    return _TOKEN.findall(header)[:MOST_TOKENS]


class AccessToken(JWTAuthentication):
    def __init__(self, *args: Any, notes_use: bool = True, **kwargs: Any) -> None:
        """`notes_use`: store time and network of a request as the session's last use. Views of an SOS turn this off."""
        super().__init__(*args, **kwargs)
        self._notes_use = notes_use

    def authenticate(self, request: Request) -> Any:
        signed_in = self._signed_in(request)
        if signed_in and self._notes_use:
            _note_use(cast(User, signed_in[0]), request)
        return signed_in

    def get_validated_token(self, raw_token: bytes) -> Token:
        for kind in older_keys.kinds(AccessTokenOfPerson):
            with suppress(TokenError):
                return kind(cast(Any, raw_token))  # simplejwt declares a Token here, but reads text
        return super().get_validated_token(raw_token)

    def _signed_in(self, request: Request) -> Any:
        """The person and the token of the first valid token.

        None without a token. Raises AuthenticationFailed if the header holds tokens and none of them is valid.
        """
        refusals = []
        for token in tokens_in(request.headers.get("Authorization", "")):
            try:
                valid = self.get_validated_token(token.encode())
                return self.get_user(valid), valid
            except AuthenticationFailed as refusal:
                refusals.append(refusal)
        if refusals:
            raise refusals[0]
        return super().authenticate(request)

    def get_user(self, validated_token: Token) -> Any:
        """The person of a valid token, with `session` set. Raises AuthenticationFailed if the session has ended.

        Raises it also if the person is deactivated. Every request with a token runs this: plain SQL takes half the time
        of the ORM.
        """
        try:
            ids = [UUID(validated_token.get(claim)) for claim in ("sid", "user_id")]
        except (ValueError, TypeError, AttributeError):
            raise _ended() from None
        found = rows(_PERSON, ids)
        if not found:
            raise _ended()
        [(now, *columns)] = found
        of_person = columns[len(_SESSION) :]
        for place, decrypted in _ENCRYPTED:
            of_person[place] = decrypted(of_person[place], None, connection)
        user = User.from_db("default", _COLUMNS, of_person)
        if not user.is_active:
            raise AuthenticationFailed("This person is deactivated.", code="user_inactive")
        user.session = Session.from_db("default", _SESSION, columns[: len(_SESSION)])
        user.session.read_at = now
        return user


def _ended() -> AuthenticationFailed:
    return AuthenticationFailed(SessionEnded.detail, code=SessionEnded.code)


def _note_use(user: User, request: Request) -> None:
    session = user.session
    if session is None or session.read_at is None:
        return
    if session.last_used_at is None or session.last_used_at <= session.read_at - _USE_NOTED_EVERY:
        network = coarse(client_ip(request))
        stored = encryption.encrypt_text(network, about=NETWORK)
        rows(_NOTE_USE, {"id": session.id, "now": session.read_at, "network": stored})
