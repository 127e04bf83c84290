"""Twilio's Message and Call resources, with all their fields.

Source: https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/voice/api/call-resource.
"""

from email.utils import formatdate
from functools import lru_cache

from messaging.sandbox.errors import MESSAGES
from messaging.sandbox.listing import API_VERSION, Collection
from messaging.sandbox.store import ENDED, Message


def resource(message: Message, *, account_sid: str, now: float) -> dict[str, object]:
    """The message as Twilio shows it at `now` (monotonic seconds)."""
    taken = message.steps_taken(now)
    steps = message.plan.steps
    error_code = message.error_code(now)
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    left = taken and steps[0][1] != "failed"
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": rfc2822(int(message.arrived_at)),
        "date_sent": rfc2822(int(message.arrived_at + steps[0][0])) if left else None,
        "date_updated": _updated(message, now),
        "direction": "outbound-api",
        "error_code": error_code,
        "error_message": MESSAGES.get(error_code, "Unknown error") if error_code else None,
        # None for a Messaging Service: it has not chosen a sender yet when it accepts a message.
        "from": message.sender,
        "messaging_service_sid": message.service_sid,
        "num_media": "0",
        "num_segments": "0" if message.service_sid and not taken else str(message.segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status(now),
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def call_resource(call: Message, *, account_sid: str, now: float) -> dict[str, object]:
    """The call as Twilio shows it at `now`."""
    begun = call.time_of("in-progress", now)
    ended = call.status(now) in ENDED
    return {
        "account_sid": account_sid,
        "annotation": None,
        "answered_by": None,
        "api_version": API_VERSION,
        "caller_name": None,
        "date_created": rfc2822(int(call.arrived_at)),
        "date_updated": _updated(call, now),
        "direction": "outbound-api",
        "duration": str(call.talked_s(now)) if ended else None,
        "end_time": rfc2822(int(call.arrived_at + call.plan.steps[-1][0])) if ended else None,
        "forwarded_from": None,
        "from": call.sender,
        "from_formatted": call.sender,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.sid,
        "start_time": None if begun is None else rfc2822(int(call.arrived_at + begun)),
        "status": call.status(now),
        "to": call.to,
        "to_formatted": call.to,
        "trunk_sid": None,
        "uri": f"/{API_VERSION}/Accounts/{account_sid}/Calls/{call.sid}.json",
    }


MESSAGES_OF_ACCOUNT = Collection(name="Messages", key="messages", prefix="SM", show=resource)
CALLS_OF_ACCOUNT = Collection(name="Calls", key="calls", prefix="CA", show=call_resource)


def _updated(message: Message, now: float) -> str:
    taken = message.steps_taken(now)
    return rfc2822(int(message.arrived_at + (message.plan.steps[taken - 1][0] if taken else 0)))


@lru_cache(maxsize=4096)
def rfc2822(unix_s: int) -> str:
    return formatdate(unix_s).replace("-0000", "+0000")
