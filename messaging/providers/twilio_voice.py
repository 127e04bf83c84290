"""Calls through Twilio's Programmable Voice.

Source: https://www.twilio.com/docs/voice/api/call-resource.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from messaging import speech
from messaging.providers import Code, Failure, Kind, Outcome, Scope, Search, SendRequest, twilio_http
from messaging.providers.twilio_resource import ACCOUNT_CODES, CANCELED, Resource
from messaging.states import State

_REFUSALS = {
    "10001": Code("Account is not active", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "10002": Code("Trial account does not support this feature", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "10003": Code("Call rejected due to inactive account", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "10004": Code("Call concurrency limit exceeded", Kind.TRANSIENT, Failure.TROUBLE),
    "12100": Code("Document parse failure", Kind.CONFIGURATION, Failure.TROUBLE),
    "13214": Code("Invalid caller id", Kind.CONFIGURATION, Failure.TROUBLE),
    "13224": Code(
        "Twilio does not support calling this number or the number is invalid", Kind.RECIPIENT, Failure.INVALID_ADDRESS
    ),
    "13225": Code("Forbidden phone number", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "13226": Code("Invalid country code", Kind.RECIPIENT, Failure.INVALID_ADDRESS),
    "13227": Code("No international authorization", Kind.CONFIGURATION, Failure.COUNTRY_NOT_ALLOWED, Scope.COUNTRY),
    "21201": Code("No 'To' number specified", Kind.CONFIGURATION, Failure.TROUBLE),
    "21205": Code("Invalid URL", Kind.CONFIGURATION, Failure.TROUBLE),
    "21210": Code("'From' phone number not verified", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "21211": Code("Invalid 'To' phone number", Kind.RECIPIENT, Failure.INVALID_ADDRESS),
    "21212": Code("Invalid 'From' phone number", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "21213": Code("'From' phone number is required", Kind.CONFIGURATION, Failure.TROUBLE, Scope.SENDER),
    "21214": Code("'To' phone number cannot be reached", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "21215": Code(
        "Account not authorized to call this number's country",
        Kind.CONFIGURATION,
        Failure.COUNTRY_NOT_ALLOWED,
        Scope.COUNTRY,
    ),
    "21216": Code("Call blocked by Twilio", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "21217": Code("Phone number does not appear to be valid", Kind.RECIPIENT, Failure.INVALID_ADDRESS),
    "21219": Code("'To' phone number not verified", Kind.CONFIGURATION, Failure.TROUBLE),
    "21609": Code("Invalid 'StatusCallback' URL", Kind.CONFIGURATION, Failure.TROUBLE),
    "21626": Code("Invalid 'StatusCallbackEvent'", Kind.CONFIGURATION, Failure.TROUBLE),
    # A limit on SMS that no call should meet: reported like any unknown code.
    "63038": Code("Account exceeded the daily messages limit", Kind.UNRECOGNISED, Failure.TROUBLE),
}

# Statuses of calls that nobody heard to the end. They stand for themselves: such a call has no error code.
_UNHEARD = {
    "busy": Code("The line was busy", Kind.TRANSIENT, Failure.BUSY),
    "no-answer": Code("Nobody answered", Kind.TRANSIENT, Failure.NO_ANSWER),
    "failed": Code("The call could not be completed", Kind.TRANSIENT, Failure.NOT_COMPLETED),
    CANCELED: Code("Canceled at Twilio's console", Kind.RECIPIENT, Failure.NOT_COMPLETED),
}

# An answered call is only `sent`: a voicemail may have answered. A call that completed was heard to its end.
_STATUSES = {
    "queued": State.ACCEPTED,
    "initiated": State.ACCEPTED,
    "ringing": State.SENT,
    "in-progress": State.SENT,
    "completed": State.DELIVERED,
    "busy": State.UNDELIVERED,
    "no-answer": State.UNDELIVERED,
    "failed": State.FAILED,
    CANCELED: State.FAILED,
}

CALL = Resource(noun="Call", webhook="call", codes=ACCOUNT_CODES | _REFUSALS | _UNHEARD, statuses=_STATUSES)

_EVENTS = ["initiated", "ringing", "answered", "completed"]
# Most voicemails answer after 25 to 30 s, and a phone in a bag needs its time.
_RING_S = 40
# A call left open is paid by the minute.
_LONGEST_S = 180


class TwilioVoiceProvider:
    codes: ClassVar[Mapping[str, Code]] = CALL.codes

    def __init__(self) -> None:
        client, self._http = twilio_http.client()
        self._client = client
        self._calls = client.calls

    async def send(self, request: SendRequest) -> Outcome:
        fields: twilio_http.Fields = {
            "To": request.address,
            "From": request.origin,
            "Twiml": speech.asking(
                request.text, language=request.language, recording=request.recording, attempt_id=request.attempt_id
            ),
            "StatusCallback": CALL.callback_url(request.attempt_id),
            "StatusCallbackEvent": _EVENTS,
            "Timeout": min(max(request.validity_s, 5), _RING_S),
            "TimeLimit": _LONGEST_S,
        }
        return await twilio_http.create(self._client, CALL, fields, timeout_s=request.timeout_s)

    async def find(self, search: Search) -> Outcome | None:
        """Return the outcome of the newest call from `search.origin` to `search.address` that was created at
        `search.since` or later and is not in `search.known`; None if there is no such call.

        Twilio's list does not show the text of a call. Raises LookUpFailed.
        """
        calls = await twilio_http.look_up(
            lambda: self._calls.list_async(to=search.address, from_=search.origin, limit=200, page_size=200)
        )
        for call in calls:
            created: datetime = call.date_created or datetime.now(UTC)
            if created >= search.since - twilio_http.CLOCK_ALLOWANCE and call.sid not in search.known:
                return CALL.reported(str(call.status), None, str(call.sid))
        return None

    async def fetch(self, provider_id: str) -> Outcome | None:
        call = await twilio_http.look_up_one(lambda: self._calls(provider_id).fetch_async())
        return None if call is None else CALL.reported(str(call.status), None, provider_id)

    async def close(self) -> None:
        await self._http.close()
