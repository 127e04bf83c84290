"""What a provider is to the engine: calls in, outcomes out. Callers never see HTTP or SMTP."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol
from uuid import UUID

from messaging.models import MessageClass
from messaging.states import State


class Kind(Enum):
    """What an outcome asks of the engine."""

    ACCEPTED = "accepted"
    RECIPIENT = "recipient"  # Stop this channel for this contact, tell the person.
    CONFIGURATION = "configuration"  # Alarm the operator; the message waits.
    TRANSIENT = "transient"  # Certainly not created: try again after a backoff.
    UNRECOGNISED = "unrecognised"  # A code not in the table: transient with a small limit, and reported.
    QUOTA = "quota"  # The account's daily limit: alarm the operator.
    UNKNOWN = "unknown"  # It may or may not have been created.


class Scope(Enum):
    """What an outcome says something about: this message alone, or its sender too, in one country or everywhere."""

    MESSAGE = "message"
    COUNTRY = "country"
    SENDER = "sender"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one call, or of one message according to a callback or a look-up.

    `state` is where the provider says the message is, when it has it. `retry_after_s` is the provider's own wish.
    """

    kind: Kind
    scope: Scope = Scope.MESSAGE
    code: str = ""
    provider_id: str = ""
    state: State = State.ACCEPTED
    retry_after_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One message to be created at the provider. `validity_s` is how long it is worth delivering, `timeout_s` how
    long the whole call may take."""

    attempt_id: UUID
    message_id: int
    message_class: MessageClass
    address: str
    text: str
    language: str = ""
    recording: str = ""
    origin: str
    messaging_service_sid: str
    validity_s: int
    timeout_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What a look-up of an unknown outcome goes by: a message created since then for this address, whose id is not
    among the known ones."""

    address: str
    origin: str
    text: str
    since: datetime
    known: set[str]


class LookUpFailed(Exception):
    """The provider did not answer a look-up, or answers none: nothing was learnt."""


class Provider(Protocol):
    """Lives in one event loop: made, used and closed there."""

    async def send(self, call: Call) -> Outcome:
        """Create the message; returns within the call's deadline and never raises."""

    async def find(self, search: Search) -> Outcome | None:
        """What the provider has that the search describes; None when there is nothing. Raises LookUpFailed."""

    async def fetch(self, provider_id: str) -> Outcome | None:
        """What has become of a message; None when the provider does not have it. Raises LookUpFailed."""

    async def close(self) -> None: ...
