"""Providers carry our messages: one file for each provider builds its requests and reads its replies. Callers get
outcomes and never see HTTP or SMTP.

registry.py names the provider of each channel. A provider's file holds a table of the codes in its replies. A row of
the table has the provider's own words for a code, how messaging reacts to it (Kind), whether it is about one message or
its whole sender (Scope), and what it means to a person (Failure).
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
    """How messaging reacts to an outcome: it tries again, waits, looks up, ends the message or alarms the operator."""

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
    """The reach of an outcome: one message alone, or every message of its sender, to one country or to all."""

    MESSAGE = "message"
    COUNTRY = "country"
    SENDER = "sender"


class Failure(Enum):
    """Why a message did not arrive, in words that belong to no provider."""

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
    """One row of a provider's table of codes: what messaging does when a reply or report has this code.

    `name`: the provider's own words for it.
    """

    name: str
    kind: Kind
    failure: Failure
    scope: Scope = Scope.MESSAGE
    # Reported only after the provider has accepted the message: accepting the next one proves nothing.
    is_late: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The provider's reply to one create request, or the report of a callback or a look-up on one message.

    `code`: the provider's error code, "" without an error. `provider_id`: the provider's id of the message, "" if it
    gave none. `state`: the message's state at the provider, if the provider has the message. `retry_after_s`: the wait
    that the provider asks for; None: it asks for none.
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

    `validity_s`: seconds until the message's deadline, after which the provider should not deliver it. `timeout_s`: the
    longest time that the whole create request may take.
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
    """The facts by which a look-up searches for a message whose outcome is unknown.

    The message was created for `address` at `since` or later, and its provider id is not among `known`.
    """

    address: str
    origin: str
    text: str
    since: datetime
    known: set[str]


class LookUpFailed(Exception):
    """The provider did not reply to a look-up, or offers no look-ups. The look-up says nothing about the message."""


class Provider(Protocol):
    """The interface of a provider for one channel. An object of it is made, used and closed in one event loop."""

    codes: ClassVar[Mapping[str, Code]]

    async def send(self, request: SendRequest) -> Outcome:
        """Create the message at the provider and return the outcome within `timeout_s`. Never raises."""

    async def find(self, search: Search) -> Outcome | None:
        """Search for the message of an attempt whose reply was lost; return its outcome, or None if the provider has no
        such message.

        Raises LookUpFailed if the provider gives no usable reply.
        """

    async def fetch(self, provider_id: str) -> Outcome | None:
        """Ask for one message by the provider's id of it; return its outcome, or None if there is no such message.

        Raises LookUpFailed if the provider gives no usable reply.
        """

    async def close(self) -> None: ...
