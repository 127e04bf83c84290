"""Refuses an edit of an outdated version, when two devices edit the same object (RFC 9110, If-Match)."""

import hashlib
import json
from collections.abc import Collection, Sequence

from identity.errors import PreconditionUnmet
from identity.models import EmergencyContact, User

_SEEN_FIELDS: dict[type[User | EmergencyContact], tuple[str, ...]] = {
    User: ("id", "phone_number", "first_name", "last_name", "language", "email"),
    EmergencyContact: ("id", "name", "phone_number", "relation", "language", "order"),
}


class PreconditionFailed(PreconditionUnmet):
    code = "precondition_failed"
    detail = "It was changed meanwhile. Read it again."


def etag_of(row: User | EmergencyContact) -> str:
    return etag([str(getattr(row, field)) for field in _SEEN_FIELDS[type(row)]])


def etag(seen: Sequence[str]) -> str:
    """A strong ETag: a hash of all values that a client sees. It needs no clock."""
    return f'"{hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:32]}"'


def require(row: User | EmergencyContact, *, if_match: Collection[str] | None) -> None:
    """Raise PreconditionFailed if the client has an older version of the row. Lock the row before this call.

    Without an If-Match header (None) any version is accepted.
    """
    require_etag(etag_of(row), if_match=if_match)


def require_etag(current: str, *, if_match: Collection[str] | None) -> None:
    if if_match is not None and "*" not in if_match and current not in if_match:
        raise PreconditionFailed
