"""The real end of an alert: move its status, stop its steps, send the all-clear."""

from datetime import datetime
from uuid import UUID

from alerts.contacts import notifying
from alerts.escalation import steps
from alerts.models import AlertMove, AlertStatus, SosAlert
from alerts.sos import status
from alerts.timeline import journal
from identity.errors import Conflict, NotFound
from identity.models import User

ENDS = {AlertStatus.RESOLVED: AlertMove.RESOLVE, AlertStatus.CANCELLED: AlertMove.CANCEL}


class MoveRefused(Conflict):
    code = "move_refused"
    detail = "The alert has already ended in another way."


def close(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime, by: str = journal.OWNER) -> SosAlert:
    """Move the owner's alert to `to`, which is resolved or cancelled, and return it. Stop its steps and send the
    all-clear to every contact who was asked for help, or may have been.

    Repeating the same end changes nothing. Raises NotFound, also for another person's alert, and MoveRefused when the
    alert has ended the other way. `by` is the actor in the timeline entry. Call inside a transaction.
    """
    alert = SosAlert.objects.select_for_update(no_key=True).filter(id=alert_id, owner=owner).first()
    if alert is None:
        raise NotFound
    if status.move([alert], ENDS[to], by=by, now=now):
        steps.stop(alert, now=now)
        notifying.send_all_clear(alert, owner, now=now)
    elif alert.status != to:
        raise MoveRefused
    return alert
