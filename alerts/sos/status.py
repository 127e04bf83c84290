"""The moves of an alert, and its end; alerts/sos/raising.py is its beginning. The database arbitrates every race."""

from datetime import datetime
from uuid import UUID

from rest_framework.exceptions import APIException, NotFound

from alerts.contacts import notifying
from alerts.escalation import steps
from alerts.models import AlertStatus, EventKind, SosAlert
from alerts.timeline import journal
from identity.models import User

_NOT_ENDED = {AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED, AlertStatus.EXHAUSTED}
REACHED_FROM = {
    AlertStatus.ACKNOWLEDGED: {AlertStatus.ACTIVE, AlertStatus.EXHAUSTED},
    AlertStatus.ACTIVE: {AlertStatus.ACKNOWLEDGED},
    AlertStatus.EXHAUSTED: {AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED},
    AlertStatus.RESOLVED: _NOT_ENDED,
    AlertStatus.CANCELLED: _NOT_ENDED,
}
_EVENT = {AlertStatus.RESOLVED: EventKind.RESOLVED, AlertStatus.CANCELLED: EventKind.CANCELLED}


class MoveRefused(APIException):
    """The alert has already ended in another way."""

    status_code = 409
    default_detail = "The alert has already ended in another way."
    default_code = "move_refused"


def end(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime, by_system: bool = False) -> SosAlert:
    """Cancel or resolve the owner's alert, and give the all-clear to those who were or may have been told.

    Ending again in the same way changes nothing. Raises NotFound, also for another person's alert, and MoveRefused
    when it ended in another way. Call inside a transaction.
    """
    own = SosAlert.objects.filter(id=alert_id, owner=owner)
    # One conditional UPDATE: of two racing requests exactly one changes the row.
    ended = own.filter(status__in=REACHED_FROM[to]).update(status=to, updated_at=now, ended_at=now)
    alert = own.first()
    if alert is None:
        raise NotFound
    if ended:
        journal.record(alert.id, _EVENT[to], by=journal.SYSTEM if by_system else journal.OWNER, now=now)
        steps.stop(alert, now=now)
        notifying.send_all_clear(alert, owner, now=now)
    elif alert.status != to:
        raise MoveRefused
    return alert
