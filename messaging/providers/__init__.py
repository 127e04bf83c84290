"""How each provider is asked and read, one file for each. Callers get outcomes and never see HTTP or SMTP.

registry.py names the provider of each channel. A provider's file holds its table of codes: the provider's name for
each code, and what the code asks of the engine (Kind), says of the sender (Scope) and means to a person (Failure).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar, Protocol
from uuid import UUID

from messaging.models import MessageClass
from messaging.states import State


class Kind(Enum):
    """The reaction that an outcome asks of the engine."""

    ACCEPTED = "accepted"
    RECIPIENT = "recipient"  # Stop this channel for this contact, tell the person.
    CONFIGURATION = "configuration"  # Alarm the operator; the message waits.
    TRANSIENT = "transient"  # Certainly not created: try again after a backoff.
    UNRECOGNISED = "unrecognised"  # A code not in the table: transient with a small limit, and reported.
    QUOTA = "quota"  # The account's daily limit: alarm the operator.
    UNKNOWN = "unknown"  # The message may or may not have been created.


# The sender cannot send: another sender may.
SENDERS_FAULT = (Kind.CONFIGURATION, Kind.QUOTA)
# The operator must hear of these.
ALARMING = (*SENDERS_FAULT, Kind.UNRECOGNISED)


class Scope(Enum):
    """How far an outcome reaches: this message alone, or every message of its sender, to one country or to all."""

    MESSAGE = "message"
    COUNTRY = "country"
    SENDER = "sender"


class Failure(Enum):
    """Why a message did not arrive, in words that no provider owns."""

    INVALID_ADDRESS = "invalid_address"
    CANNOT_RECEIVE = "cannot_receive"  # The number exists but takes no messages of this channel.
    NOT_IN_USE = "not_in_use"
    UNREACHABLE = "unreachable"  # The phone is off or out of reach.
    OPTED_OUT = "opted_out"  # The recipient told the provider to stop.
    REFUSED = "refused"  # The recipient's phone or carrier blocks us.
    BLOCKED = "blocked"  # A filter against spam or fraud stopped the message.
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_COMPLETED = "not_completed"  # A call that ended before it was heard.
    TROUBLE = "trouble"  # Only the operator or the provider can put it right.


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a provider. `name`: the provider's own words for it."""

    name: str
    kind: Kind
    failure: Failure
    scope: Scope = Scope.MESSAGE
    # Reported only after the provider has accepted the message: accepting the next one proves nothing.
    is_late: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The provider's answer to one create request, or what a callback or a look-up reports of one message.

    `state`: where the provider says the message is, if it has it. `retry_after_s`: the wait that the provider asks for.
    """

    kind: Kind
    scope: Scope = Scope.MESSAGE
    failure: Failure | None = None
    code: str = ""
    provider_id: str = ""
    state: State = State.ACCEPTED
    retry_after_s: float | None = None


# No create request left, because its slot or its deadline had passed: the message goes back to the queue at once.
SLOT_MISSED = "slot_missed"
NOT_SENT = Outcome(kind=Kind.TRANSIENT, code=SLOT_MISSED, retry_after_s=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class SendRequest:
    """One message to be created at the provider.

    `validity_s`: how long the message is worth delivering. `timeout_s`: how long the whole create request may take.
    """

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
    """Describes the message that a look-up of an unknown outcome searches for.

    The message was created for `address` at `since` or later, and its provider id is not among `known`.
    """

    address: str
    origin: str
    text: str
    since: datetime
    known: set[str]


class LookUpFailed(Exception):
    """The provider did not answer a look-up, or answers no look-ups: nothing was learnt."""


class Provider(Protocol):
    """Lives in one event loop: made, used and closed there."""

    codes: ClassVar[Mapping[str, Code]]

    async def send(self, request: SendRequest) -> Outcome:
        """Create the message. Return within `timeout_s` and never raise."""

    async def find(self, search: Search) -> Outcome | None:
        """Search for the message; None: the provider has no such message. Raises LookUpFailed."""

    async def fetch(self, provider_id: str) -> Outcome | None:
        """Ask how one message stands; None: the provider does not have it. Raises LookUpFailed."""

    async def close(self) -> None: ...
