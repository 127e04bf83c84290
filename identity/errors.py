"""Errors of the domain. A class says what happened and knows nothing of HTTP.

Each kind below has its HTTP status in config/errors.py. An error derives from a kind, stands beside the function that
raises it and gives its own `code` and `detail`. NotFound is raised as it is.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict


class FieldError(TypedDict):
    message: str
    code: str


class DomainError(Exception):
    """A request was refused. Clients compare `code`, so it never changes. `detail` is one English sentence.

    `errors` are the wrong fields by name. `members` are ids with which the client can go on. `retry_after_s` is the
    wait before the client tries again. A raise may give a more exact `detail`; the sentence of the class stays its
    title.
    """

    code: str
    detail: str
    retry_after_s: int | None = None
    errors: Mapping[str, Sequence[FieldError]] = {}
    members: Mapping[str, object] = {}

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or type(self).detail
        super().__init__(self.detail)


class Invalid(DomainError):
    """A value is missing, malformed or wrong."""


class InvalidField(Invalid):
    """One field is wrong."""

    code = "invalid"
    detail = "Some fields are wrong."

    def __init__(self, field: str, message: str, *, code: str) -> None:
        super().__init__()
        self.errors = {field: [FieldError(message=message, code=code)]}


class Unproven(DomainError):
    """The client did not prove who it acts for, for example by a valid token."""


class Forbidden(DomainError):
    """The person is known and may not do this, for example without the right PIN."""


class NotFound(DomainError):
    """Nothing with this id exists, or it belongs to another person: both look the same."""

    code = "not_found"
    detail = "Not found."


class Conflict(DomainError):
    """The state of what is stored does not allow this, for example because a maximum is reached."""


class Expired(DomainError):
    """The object that was asked for existed, and its time is over."""


class LengthUnknown(DomainError):
    """The client did not declare how many bytes it sends."""


class PreconditionUnmet(DomainError):
    """A condition that the client set, or had to meet, does not hold."""


class TooLarge(DomainError):
    """More bytes or items than are taken at once."""


class Unsupported(DomainError):
    """A type of content that is not taken."""


class Inconsistent(DomainError):
    """A body or file contradicts itself, or what the client sent before: a wrong hash, a reused Idempotency-Key."""


class InProgress(DomainError):
    """Another request is doing the same at this moment and ends soon."""


class TooMany(DomainError):
    """More requests, or more of them at the same time, than one person may make."""


class Damaged(DomainError):
    """Bytes changed on their way."""


class Busy(DomainError):
    """The server has no capacity free for this now."""


class OutOfSpace(DomainError):
    """The server has no storage free."""
