"""SMS through Twilio's Programmable Messaging.

Source: https://www.twilio.com/docs/messaging/api/message-resource.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from messaging.providers import Code, Failure, Kind, Outcome, Scope, Search, SendRequest, twilio_http
from messaging.providers.twilio_resource import ACCOUNT_CODES, CANCELED, Resource
from messaging.states import State

_REFUSALS = {
    "21211": Code("Invalid 'To' phone number", Kind.RECIPIENT, Failure.INVALID_ADDRESS),
    "21408": Code(
        "Permission to send an SMS has not been enabled for this region",
        Kind.CONFIGURATION,
        Failure.COUNTRY_NOT_ALLOWED,
        Scope.COUNTRY,
    ),
    "21602": Code("Message body is required", Kind.CONFIGURATION, Failure.TROUBLE),
    "21603": Code("A 'From' phone number is required", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "21606": Code(
        "The 'From' number is not a message-capable Twilio number for this destination",
        Kind.CONFIGURATION,
        Failure.TROUBLE,
        Scope.SENDER,
    ),
    "21608": Code("A trial account cannot send to unverified numbers", Kind.CONFIGURATION, Failure.TROUBLE),
    "21610": Code("Attempt to send to unsubscribed recipient", Kind.RECIPIENT, Failure.OPTED_OUT),
    "21611": Code("This 'From' number has too many queued messages", Kind.TRANSIENT, Failure.TROUBLE),
    "21612": Code(
        "Message cannot be sent with the current combination of 'To' and 'From'",
        Kind.CONFIGURATION,
        Failure.CANNOT_RECEIVE,
        Scope.COUNTRY,
    ),
    "21614": Code("'To' number is not a valid mobile number", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "21617": Code("The message body exceeds the 1600 character limit", Kind.CONFIGURATION, Failure.TROUBLE),
    "21635": Code("'To' number cannot be a landline", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "63038": Code("Account exceeded the daily messages limit", Kind.QUOTA, Failure.TROUBLE, Scope.SENDER),
    CANCELED: Code("Canceled at Twilio's console", Kind.RECIPIENT, Failure.NOT_COMPLETED),
}


def _late(name: str, kind: Kind, failure: Failure, scope: Scope = Scope.MESSAGE) -> Code:
    """A row for a code that only a callback or a look-up reports, after Twilio has accepted the message."""
    return Code(name, kind, failure, scope, is_late=True)


_REPORTS = {
    "30001": _late("Queue overflow", Kind.TRANSIENT, Failure.TROUBLE),
    "30002": _late("Account suspended", Kind.TRANSIENT, Failure.TROUBLE),
    "30003": _late("Unreachable destination handset", Kind.TRANSIENT, Failure.UNREACHABLE),
    "30004": _late("Message blocked", Kind.RECIPIENT, Failure.REFUSED),
    "30005": _late("Unknown destination handset", Kind.RECIPIENT, Failure.NOT_IN_USE),
    "30006": _late("Landline or unreachable carrier", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "30007": _late("Message filtered", Kind.CONFIGURATION, Failure.BLOCKED),
    "30008": _late("Unknown error", Kind.TRANSIENT, Failure.TROUBLE),
    "30034": _late("US A2P 10DLC: unregistered number", Kind.CONFIGURATION, Failure.BLOCKED, Scope.COUNTRY),
    "30410": _late("Provider timeout error", Kind.TRANSIENT, Failure.TROUBLE),
    # Twilio's protection against SMS pumping, for 15 to 30 minutes.
    "30450": _late("Message delivery blocked", Kind.CONFIGURATION, Failure.BLOCKED, Scope.COUNTRY),
}

_STATUSES = {
    "accepted": State.ACCEPTED,
    "scheduled": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.ACCEPTED,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.FAILED,
    CANCELED: State.FAILED,
}

MESSAGE = Resource(noun="Message", webhook="status", codes=ACCOUNT_CODES | _REFUSALS | _REPORTS, statuses=_STATUSES)


class TwilioProvider:
    codes: ClassVar[Mapping[str, Code]] = MESSAGE.codes

    def __init__(self) -> None:
        client, self._http = twilio_http.client()
        self._client = client
        # Resolved once: the SDK imports and builds it lazily, at a cost to the first look-up.
        self._messages = client.messages

    async def send(self, request: SendRequest) -> Outcome:
        service = request.messaging_service_sid
        fields: twilio_http.Fields = {
            "To": request.address,
            "Body": request.text,
            "StatusCallback": MESSAGE.callback_url(request.attempt_id),
            "ValidityPeriod": min(max(request.validity_s, 1), 36_000),
            "MessagingServiceSid" if service else "From": service or request.origin,
        }
        return await twilio_http.create(self._client, MESSAGE, fields, timeout_s=request.timeout_s)

    async def find(self, search: Search) -> Outcome | None:
        # The filter DateSent goes by whole days and finds only what was sent: the newest of this address suffice.
        messages = await twilio_http.look_up(
            lambda: self._messages.list_async(to=search.address, limit=200, page_size=200)
        )
        for message in messages:
            created: datetime | None = message.date_created
            since = search.since - twilio_http.CLOCK_ALLOWANCE
            ours = _shows(message.body, search.text) and (created is None or created >= since)
            if ours and message.sid not in search.known:
                return MESSAGE.reported(str(message.status), message.error_code, str(message.sid))
        return None

    async def fetch(self, provider_id: str) -> Outcome | None:
        message = await twilio_http.look_up_one(lambda: self._messages(provider_id).fetch_async())
        return None if message is None else MESSAGE.reported(str(message.status), message.error_code, provider_id)

    async def close(self) -> None:
        await self._http.close()


def _shows(body: object, text: str) -> bool:
    """Whether a message's body in Twilio's list ends with our text, with any kind and number of blanks between words.

    Twilio puts its own words before the texts of a trial account.
    """
    return " ".join(str(body).split()).endswith(" ".join(text.split()))
