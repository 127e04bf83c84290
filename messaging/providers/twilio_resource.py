"""Reads Twilio's codes and statuses, for messages and for calls; each of the two has its own table of codes.

Source of the codes and their names: https://www.twilio.com/docs/api/errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings

from messaging.providers import Code, Failure, Kind, Outcome, Scope
from messaging.states import State

# Codes of the account and of the API itself.
ACCOUNT_CODES = {
    "20003": Code("Authenticate", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "20404": Code("The requested resource was not found", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "20429": Code("Too many requests", Kind.TRANSIENT, Failure.TROUBLE),
    "20500": Code("Internal server error", Kind.TRANSIENT, Failure.TROUBLE),
    "20503": Code("Service unavailable", Kind.TRANSIENT, Failure.TROUBLE),
}

# A status that stands for itself in the table of codes: somebody stopped the resource at Twilio's console.
CANCELED = "canceled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """A kind of resource of Twilio's API (messages or calls): its tables, and its names in URLs and forms.

    `noun`: "Message" is created at `Messages.json`, and its callback has the fields `MessageSid` and `MessageStatus`.
    `webhook`: the part of our callback's path that names the resource.
    """

    noun: str
    webhook: str
    codes: Mapping[str, Code]
    statuses: Mapping[str, State]

    def callback_url(self, attempt_id: UUID) -> str:
        return f"{settings.PUBLIC_BASE_URL}/api/v1/webhooks/twilio/{self.webhook}/{attempt_id}/"

    def judged(self, code: str) -> Outcome:
        """The outcome for an error code of `codes`, or a status that stands there; UNRECOGNISED for any other text."""
        known = self.codes.get(code)
        if known is None:
            return Outcome(kind=Kind.UNRECOGNISED, code=code)
        return Outcome(kind=known.kind, scope=known.scope, failure=known.failure, code=code)

    def reported(self, status: str, code: object, provider_id: str) -> Outcome:
        """The outcome for a status with its error code, from a response, a callback or a look-up.

        A status that is not in `statuses` counts as accepted.
        """
        state, error = self.statuses.get(status, State.ACCEPTED), error_code(code)
        if state not in (State.UNDELIVERED, State.FAILED):
            return Outcome(kind=Kind.ACCEPTED, code=error, provider_id=provider_id, state=state)
        # Stopped by a person, whatever the code: the message is not ours to send again.
        judged = self.judged(status if status == CANCELED else error or status)
        return replace(judged, provider_id=provider_id, state=state)


def error_code(code: object) -> str:
    """A resource's error code as text; empty when it has no error."""
    return "" if code in (None, "", 0, "0") else str(code)
