"""SMS through Twilio's Programmable Messaging: builds the request, reads the reply, maps its codes.

Source: https://www.twilio.com/docs/messaging/api/message-resource.
"""

from dataclasses import replace
from datetime import datetime

from django.conf import settings

from messaging.providers import Call, Kind, Outcome, Scope, Search, twilio_http
from messaging.states import State

# https://www.twilio.com/docs/api/errors
CODES = {
    **twilio_http.CODES,
    **dict.fromkeys(("21211", "21610", "21614", "21635", "30004", "30005", "30006"), Kind.RECIPIENT),
    **dict.fromkeys(
        (
            "21408",
            "21602",
            "21603",
            "21606",
            "21608",
            "21612",
            "21617",
            "30007",
            "30034",
            "30450",
        ),
        Kind.CONFIGURATION,
    ),
    **dict.fromkeys(("21611", "30001", "30002", "30003", "30008", "30410"), Kind.TRANSIENT),
    "63038": Kind.QUOTA,
}

# Which of them are the sender's fault, so that the next message would meet the same.
SCOPES = {
    **twilio_http.SCOPES,
    **dict.fromkeys(("21603", "21606", "63038"), Scope.SENDER),
    **dict.fromkeys(("21408", "21612", "30034", "30450"), Scope.COUNTRY),
}

STATUSES = {
    "accepted": State.ACCEPTED,
    "scheduled": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.ACCEPTED,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}


class TwilioProvider:
    def __init__(self) -> None:
        client, self._http = twilio_http.client()
        self._client = client
        # Resolved once: the SDK imports and builds it lazily, at a cost to the first look-up.
        self._messages = client.messages

    async def send(self, call: Call) -> Outcome:
        service = call.messaging_service_sid
        return await twilio_http.create(
            self._client,
            "Messages",
            {
                "To": call.address,
                "Body": call.text,
                "StatusCallback": callback_url(str(call.attempt_id)),
                "ValidityPeriod": min(max(call.validity_s, 1), 36_000),
                "MessagingServiceSid" if service else "From": service or call.origin,
            },
            timeout_s=call.timeout_s,
            judge=judged,
            read=reported,
        )

    async def find(self, search: Search) -> Outcome | None:
        # DateSent filters by day and only what was sent: the newest of this address suffice.
        messages = await twilio_http.look_up(
            lambda: self._messages.list_async(to=search.address, limit=200, page_size=200)
        )
        for message in messages:
            created: datetime | None = message.date_created
            since = search.since - twilio_http.CLOCK_ALLOWANCE
            ours = _shows(message.body, search.text) and (created is None or created >= since)
            if ours and message.sid not in search.known:
                return reported(str(message.status), message.error_code, str(message.sid))
        return None

    async def fetch(self, provider_id: str) -> Outcome | None:
        message = await twilio_http.look_up_one(lambda: self._messages(provider_id).fetch_async())
        return None if message is None else reported(str(message.status), message.error_code, provider_id)

    async def close(self) -> None:
        await self._http.close()


def _shows(body: object, text: str) -> bool:
    """Whether a listed body is our text: a trial account's has words of Twilio's before it, and blanks may differ."""
    return " ".join(str(body).split()).endswith(" ".join(text.split()))


def callback_url(attempt_id: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/api/v1/webhooks/twilio/status/{attempt_id}/"


def judged(code: str) -> Outcome:
    """What an error code asks of the engine."""
    scope = SCOPES.get(code, Scope.MESSAGE)
    return Outcome(kind=CODES.get(code, Kind.UNRECOGNISED), scope=scope, code=code)


def reported(status: str, code: object, provider_id: str) -> Outcome:
    """The outcome a message's status stands for, in a reply, a callback or a look-up."""
    state = STATUSES.get(status, State.ACCEPTED)
    error = twilio_http.error_code(code)
    if status == "canceled":
        # By somebody at the provider's console: not ours to send again.
        return Outcome(kind=Kind.RECIPIENT, code=status, provider_id=provider_id, state=state)
    if state in (State.UNDELIVERED, State.FAILED):
        return replace(judged(error or status), provider_id=provider_id, state=state)
    return Outcome(kind=Kind.ACCEPTED, code=error, provider_id=provider_id, state=state)
