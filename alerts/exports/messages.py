"""Every message of an alert, with each of its moves and attempts, for operators. The texts are missing, because the
engine erases them."""

from collections import defaultdict
from typing import Any

from django.db.models import QuerySet

from alerts.models import Notification, SosAlert
from messaging.models import Attempt, MessageEvent

_TOLD = ("contact_id", "kind", "round", "name", "phone_number", "message_id")
_MOVE = ("state", "at", "by", "error_code", "attempt_id")
_ATTEMPT = ("id", "number", "started_at", "outcome", "provider_id", "error_code")


def of(alert: SosAlert) -> list[dict[str, Any]]:
    """The alert's messages, in the order in which they were queued."""
    told = alert.notifications.select_related("message").defer("message__text").order_by("message_id", "id")
    ids = [each.message_id for each in told]
    moves = _by_message(MessageEvent.objects.filter(message__in=ids), _MOVE)
    attempts = _by_message(Attempt.objects.filter(message__in=ids), _ATTEMPT)
    return [_said(each) | {"moves": moves[each.message_id], "attempts": attempts[each.message_id]} for each in told]


def _said(told: Notification) -> dict[str, Any]:
    said = {name: getattr(told, name) for name in _TOLD}
    return said | {"phone_number": str(told.phone_number), "channel": told.message.channel, "state": told.message.state}


def _by_message(rows: QuerySet[Any], fields: tuple[str, ...]) -> defaultdict[int, list[dict[str, Any]]]:
    by_message: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.order_by("id").values("message_id", *fields):
        by_message[row.pop("message_id")].append(row)
    return by_message
