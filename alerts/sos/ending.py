"""Ending an alert by its owner: with a PIN once PINs are set."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from rest_framework.exceptions import NotFound

from alerts.models import AlertStatus, EventKind, SosAlert
from alerts.sos import duress, status
from alerts.sos.status import MoveRefused
from alerts.timeline import journal
from identity.models import User
from identity.pins import pins
from identity.pins.pins import Proof
from messaging.database import clock
from messaging.operations.alarms import alarm


def end(*, alert_id: UUID, owner: User, to: AlertStatus, pin: str) -> SosAlert:
    """Cancel or resolve the owner's alert. Call outside a transaction: a wrong PIN counts, and is in the timeline.

    Raises NotFound, MoveRefused, and what `pins.check` raises.
    """
    if not SosAlert.objects.filter(id=alert_id, owner=owner).exists():
        raise NotFound
    proof = _proof(alert_id, owner, pin=pin, now=clock.now())
    with transaction.atomic():
        now = clock.set_request_timeout()
        alert = SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
        if alert.duress_at:
            return _end_again(alert, owner, to=to, proof=proof, now=now)
        # Without PINs there is nothing to hide.
        ways = {Proof.NONE_SET: status.end, Proof.SAFE: duress.end_for_real, Proof.DURESS: duress.feign_end}
        return ways[proof](alert_id=alert_id, owner=owner, to=to, now=now)


def _proof(alert_id: UUID, owner: User, *, pin: str, now: datetime) -> Proof:
    try:
        proof = pins.check(person_id=owner.id, pin=pin, now=now)
    except pins.PinWrong:
        journal.record(alert_id, EventKind.PIN_WRONG, by=journal.OWNER, now=now)
        raise
    if proof is Proof.DURESS:
        # Also when the alert has ended already: then this alarm is all that is left of the cry for help.
        alarm("duress", now=now, alert_id=str(alert_id))
    return proof


def _end_again(alert: SosAlert, owner: User, *, to: AlertStatus, proof: Proof, now: datetime) -> SosAlert:
    """To the owner's devices the alert has ended. The safe PIN ends what went on; nothing else does."""
    if alert.feigned_end.status != to:
        raise MoveRefused
    if proof is Proof.SAFE and alert.status in status.REACHED_FROM[to]:
        status.end(alert_id=alert.id, owner=owner, to=to, now=now)
    return alert
