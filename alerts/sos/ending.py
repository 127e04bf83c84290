"""Ends an alert for its owner, who needs a PIN once PINs are set."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from alerts.models import ENDED, AlertStatus, EventKind, SosAlert
from alerts.sos import closing, duress
from alerts.timeline import journal
from identity.errors import NotFound
from identity.models import User
from identity.pins import pins
from identity.pins.pins import Proof
from messaging.database import clock
from messaging.operations.alarms import alarm


def end(*, alert_id: UUID, owner: User, to: AlertStatus, pin: str) -> SosAlert:
    """Cancel or resolve the owner's alert and return it. Once PINs are set, the owner needs one: the safe PIN ends the
    alert, the duress PIN puts it under duress (a drill ends with either).

    Call outside a transaction: a wrong PIN is counted and written to the timeline although it ends nothing. Raises
    NotFound, MoveRefused and the errors of `pins.check`.
    """
    is_drill = _own(alert_id, owner).values_list("is_drill", flat=True).first()
    if is_drill is None:
        raise NotFound
    proof = _proof(alert_id, owner, pin=pin, is_drill=is_drill, now=clock.now())
    with transaction.atomic():
        now = clock.set_request_timeout()
        alert = SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
        if alert.duress_at:
            return _end_again(alert, owner, to=to, proof=proof, now=now)
        if proof is Proof.DURESS and not is_drill:
            return duress.feign_end(alert_id=alert_id, owner=owner, to=to, now=now)
        if proof in (Proof.SAFE, Proof.DURESS):
            return duress.end_for_real(alert_id=alert_id, owner=owner, to=to, now=now)
        # No PINs are set: there is no duress to hide.
        return closing.close(alert_id=alert_id, owner=owner, to=to, now=now)


def require_own(alert_id: UUID, *, owner: User) -> None:
    """Raise NotFound unless the alert exists and is the owner's."""
    if not _own(alert_id, owner).exists():
        raise NotFound


def _own(alert_id: UUID, owner: User) -> QuerySet[SosAlert]:
    return SosAlert.objects.filter(id=alert_id, owner=owner, is_silent=False)


def _proof(alert_id: UUID, owner: User, *, pin: str, is_drill: bool, now: datetime) -> Proof:
    try:
        proof = pins.check(person_id=owner.id, pin=pin, now=now, thing=f"alert {alert_id}")
    except pins.PinWrong as error:
        journal.record(alert_id, EventKind.PIN_WRONG, by=journal.OWNER, now=now)
        if error.was_duress:
            _cry_for_help(alert_id, is_drill=is_drill, now=now)
        raise
    if proof is Proof.DURESS:
        _cry_for_help(alert_id, is_drill=is_drill, now=now)
    return proof


def _cry_for_help(alert_id: UUID, *, is_drill: bool, now: datetime) -> None:
    """Alarm the operator because the duress PIN was typed. An alert that has ended, and a drill, warn no contacts: this
    alarm is then the only sign of duress that anybody gets.
    """
    alarm("duress_in_drill" if is_drill else "duress", now=now, alert_id=str(alert_id))


def _end_again(alert: SosAlert, owner: User, *, to: AlertStatus, proof: Proof, now: datetime) -> SosAlert:
    """Answer a request to end an alert under duress, which the owner's devices show ended already; return the alert.

    The safe PIN ends the alert if it goes on. Any other `proof` changes nothing. Raises MoveRefused if `to` is not the
    end that is shown.
    """
    if alert.feigned_end.status != to:
        raise closing.MoveRefused
    if proof is Proof.SAFE and alert.status not in ENDED:
        closing.close(alert_id=alert.id, owner=owner, to=to, now=now)
    return alert
