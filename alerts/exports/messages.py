"""Every message of an alert, with each of its moves and attempts, for operators. The texts are missing, because
messaging erases a text when its message ends.
"""

from typing import Any

from alerts.models import Notification, SosAlert
from messaging import history

_NOTIFICATION = ("contact_id", "kind", "round", "name", "phone_number", "message_id")
_MOVE = ("state", "at", "by", "error_code", "attempt_id")
_ATTEMPT = ("id", "number", "started_at", "outcome", "provider_id", "error_code")


def whole(alert: SosAlert) -> list[dict[str, Any]]:
    """The messages, in the order in which they were queued."""
    sent = alert.notifications.select_related("message").defer("message__text").order_by("message_id", "id")
    ids = [each.message_id for each in sent]
    moves, attempts = history.moves(ids), history.attempts(ids)
    return [
        _said(each)
        | {
            "moves": [_fields(move, _MOVE) for move in moves[each.message_id]],
            "attempts": [_fields(attempt, _ATTEMPT) for attempt in attempts[each.message_id]],
        }
        for each in sent
    ]


def _said(notification: Notification) -> dict[str, Any]:
    return _fields(notification, _NOTIFICATION) | {
        "phone_number": str(notification.phone_number),
        "channel": notification.message.channel,
        "state": notification.message.state,
    }


def _fields(source: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}
