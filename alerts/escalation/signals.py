"""Asks alerts/sos to move an alert: alerts/sos/status.py alone writes an alert's status."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.dispatch import Signal

from alerts.models import AlertMove, SosAlert

# Sent with `alerts`, `how` and `now` in the transaction that has locked the alerts. The one receiver returns the alerts
# that it moved.
status_due = Signal()


def ask_to_move(alerts: Sequence[SosAlert], how: AlertMove, *, now: datetime) -> list[SosAlert]:
    """Ask alerts/sos to make this move of each alert; return the alerts that moved, with their new status.

    An alert whose status does not allow the move is left out of the result.
    """
    responses: list[tuple[Any, Any]] = status_due.send(sender=None, alerts=alerts, how=how, now=now)
    [(_, moved)] = responses
    return list(moved)
