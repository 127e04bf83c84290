"""Calls through Twilio's Programmable Voice: builds the request, reads the reply, maps its codes.

Source: https://www.twilio.com/docs/voice/api/call-resource.
"""

from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings

from messaging import speech
from messaging.providers import Call, Kind, Outcome, Scope, Search, twilio_http
from messaging.states import State

# https://www.twilio.com/docs/api/errors; below them the ways a call ends that nobody took.
CODES = {
    **twilio_http.CODES,
    **dict.fromkeys(("13224", "13225", "13226", "21211", "21214", "21216", "21217"), Kind.RECIPIENT),
    **dict.fromkeys(
        (
            "10001",
            "10002",
            "10003",
            "12100",
            "13214",
            "13227",
            "21201",
            "21205",
            "21210",
            "21212",
            "21213",
            "21215",
            "21219",
            "21609",
            "21626",
        ),
        Kind.CONFIGURATION,
    ),
    "10004": Kind.TRANSIENT,  # Too many calls at once.
    **dict.fromkeys(("busy", "no-answer", "failed"), Kind.TRANSIENT),
    # By somebody at the provider's console: not ours to make again.
    "canceled": Kind.RECIPIENT,
}

# Which of them are the sender's fault, so that the next call would meet the same.
SCOPES = {
    **twilio_http.SCOPES,
    **dict.fromkeys(("10001", "10002", "10003", "21210", "21212", "21213"), Scope.SENDER),
    **dict.fromkeys(("13227", "21215"), Scope.COUNTRY),
}

# An answered call is only `sent`: it may be a voicemail. What ended in an orderly way was heard to its end.
STATUSES = {
    "queued": State.ACCEPTED,
    "initiated": State.ACCEPTED,
    "ringing": State.SENT,
    "in-progress": State.SENT,
    "completed": State.DELIVERED,
    "busy": State.UNDELIVERED,
    "no-answer": State.UNDELIVERED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}

_EVENTS = ["initiated", "ringing", "answered", "completed"]
# Most voicemails answer after 25 to 30 s, and a phone in a bag needs its time.
_RING_S = 40
# A call left open is paid by the minute.
_LONGEST_S = 180


class TwilioVoiceProvider:
    def __init__(self) -> None:
        client, self._http = twilio_http.client()
        self._client = client
        self._calls = client.calls

    async def send(self, call: Call) -> Outcome:
        said = speech.asking(call.text, language=call.language, recording=call.recording, attempt_id=call.attempt_id)
        return await twilio_http.create(
            self._client,
            "Calls",
            {
                "To": call.address,
                "From": call.origin,
                "Twiml": said,
                "StatusCallback": callback_url(str(call.attempt_id)),
                "StatusCallbackEvent": _EVENTS,
                "Timeout": min(max(call.validity_s, 5), _RING_S),
                "TimeLimit": _LONGEST_S,
            },
            timeout_s=call.timeout_s,
            judge=judged,
            read=reported,
        )

    async def find(self, search: Search) -> Outcome | None:
        """A list shows nothing of what a call says: ours is the one of this time that belongs to no other attempt."""
        calls = await twilio_http.look_up(
            lambda: self._calls.list_async(to=search.address, from_=search.origin, limit=200, page_size=200)
        )
        for call in calls:
            created: datetime = call.date_created or datetime.now(UTC)
            if created >= search.since - twilio_http.CLOCK_ALLOWANCE and call.sid not in search.known:
                return reported(str(call.status), None, str(call.sid))
        return None

    async def fetch(self, provider_id: str) -> Outcome | None:
        call = await twilio_http.look_up_one(lambda: self._calls(provider_id).fetch_async())
        return None if call is None else reported(str(call.status), None, provider_id)

    async def close(self) -> None:
        await self._http.close()


def callback_url(attempt_id: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/api/v1/webhooks/twilio/call/{attempt_id}/"


def judged(code: str) -> Outcome:
    """What an error code, or the way a call ended, asks of the engine."""
    scope = SCOPES.get(code, Scope.MESSAGE)
    return Outcome(kind=CODES.get(code, Kind.UNRECOGNISED), scope=scope, code=code)


def reported(status: str, code: object, provider_id: str) -> Outcome:
    """The outcome a call's status stands for, in a reply, a callback or a look-up."""
    state = STATUSES.get(status, State.ACCEPTED)
    if state not in (State.UNDELIVERED, State.FAILED):
        return Outcome(kind=Kind.ACCEPTED, provider_id=provider_id, state=state)
    return replace(judged(twilio_http.error_code(code) or status), provider_id=provider_id, state=state)
