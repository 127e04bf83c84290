"""Telephone calls: reads the create request, then lets the call ring and end, with its callbacks and pressed keys.

Source: https://www.twilio.com/docs/voice/api/call-resource and https://www.twilio.com/docs/voice/twiml/gather.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from email.utils import formatdate

from messaging.sandbox import twiml
from messaging.sandbox.callbacks import WAITING_LIMIT, Callbacks
from messaging.sandbox.drafts import E164, form_fields, is_callback_url
from messaging.sandbox.errors import INVALID_PARAMETER, TwilioError
from messaging.sandbox.store import ENDED, CallFacts, Message

EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
# Status -> the event that reports it.
EVENT_OF = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"} | dict.fromkeys(
    ENDED, "completed"
)
# The allowed values of Timeout (seconds of ringing) and TimeLimit (seconds of talking).
LIMITS_S = {"Timeout": range(1, 601), "TimeLimit": range(1, 14_401)}


@dataclass(frozen=True, slots=True)
class CallDraft:
    """A valid create request of a call. `says`: its TwiML as read. `events`: the events that callbacks report."""

    to: str
    sender: str
    says: twiml.Script
    callback_url: str
    events: frozenset[str]


def read_call(form: bytes) -> CallDraft:
    """Read the form-encoded body of a create request. Raises TwilioError with Twilio's code for the first fault."""
    fields = form_fields(form)
    to, sender = fields.get("To", ""), fields.get("From", "")
    if not to:
        raise TwilioError(21201)
    if not E164.fullmatch(to):
        raise TwilioError(21211)
    if not sender:
        raise TwilioError(21213)
    if not E164.fullmatch(sender):
        raise TwilioError(21212)
    document = fields.get("Twiml", "")
    if not document:
        raise TwilioError(21205)
    says = twiml.read(document)
    callback_url = fields.get("StatusCallback", "")
    if (callback_url and not is_callback_url(callback_url)) or (says.action and not is_callback_url(says.action)):
        raise TwilioError(21609)
    events = frozenset(fields.getall("StatusCallbackEvent", ["completed"]))
    if not events <= EVENTS:
        raise TwilioError(21626)
    for name, limits in LIMITS_S.items():
        _check_seconds(name, fields.get(name, ""), limits)
    return CallDraft(to, sender, says, callback_url, events)


def _check_seconds(name: str, text: str, limits: range) -> None:
    if text and not (re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) and int(text) in limits):
        raise TwilioError(INVALID_PARAMETER, f"{name} must be between {limits.start} and {limits.stop - 1} seconds")


class Calls:
    """Runs each call in a task of its own, so that the callbacks of a call come one after the other."""

    def __init__(self, *, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._lives: set[asyncio.Task[None]] = set()

    def follow(self, call: Message) -> None:
        """Begin a task that lets the call ring, be answered and end as its plan says. Returns at once.

        While WAITING_LIMIT calls are running, the call is only counted as dropped.
        """
        if len(self._lives) >= WAITING_LIMIT:
            self._callbacks.counts.dropped += 1
            return
        life = asyncio.get_running_loop().create_task(self._live(call))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    def forget(self) -> None:
        """Stop all calls made so far."""
        for life in self._lives:
            life.cancel()

    async def _live(self, call: Message) -> None:
        facts = call.call
        if facts is None:
            return
        told = 0
        for after, status in call.plan.steps:
            await asyncio.sleep(max(call.born + after - time.monotonic(), 0))
            told += await self._tell(call, facts, status, told)
            if status == "in-progress":
                await self._press(call, facts)

    async def _tell(self, call: Message, facts: CallFacts, status: str, number: int) -> bool:
        """Post the callback of this status if the create request and the plan want it; return whether it was posted."""
        if not call.callback_url or not call.plan.callbacks or EVENT_OF[status] not in facts.events:
            return False
        about = self._about(call, status) | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
            "Timestamp": formatdate().replace("-0000", "+0000"),
        }
        if status in ENDED:
            about["CallDuration"] = str(call.talked_s(time.monotonic()))
        if status == "failed" and call.plan.error_code:
            about["ErrorCode"] = str(call.plan.error_code)
        for _ in range(call.plan.copies):
            await self._callbacks.post(call.callback_url, about)
        return True

    async def _press(self, call: Message, facts: CallFacts) -> None:
        """Press the keys of `facts.digits` in turn, one each time the call asks for a key.

        Stops when the call asks for no more keys, or when our server's response to a key is not 2xx or no valid TwiML.
        """
        action = facts.action
        for digit in facts.digits:
            if not action:
                return
            facts.pressed.append((time.monotonic(), digit))
            pressed = {"Digits": digit, "FinishedOnKey": "", "msg": "Gather End"}
            response = await self._callbacks.post(action, self._about(call, "in-progress") | pressed)
            if response is None:
                return
            try:
                said = twiml.read(response.decode("utf-8", "replace"))
            except TwilioError:
                facts.replies.append("An application error has occurred. Goodbye.")
                return
            facts.replies += said.lines
            action = said.action

    def _about(self, call: Message, status: str) -> dict[str, str]:
        return {
            "AccountSid": self._callbacks.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": call.sid,
            "CallStatus": status,
            "Called": call.to,
            "Caller": call.sender or "",
            "Direction": "outbound-api",
            "From": call.sender or "",
            "To": call.to,
        }
