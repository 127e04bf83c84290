"""Contacts' answers. The first contact on the way stops the calls, and the other contacts are told who comes.

Under duress it takes two contacts to stop the calls: the one who answers first may be the coercer.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerts.contacts import notifying, texts, untold
from alerts.escalation import signals, steps
from alerts.models import (
    ENDED,
    OPEN,
    AlertMove,
    Answer,
    AnswerKind,
    EscalationStep,
    EventKind,
    Notification,
    NotificationKind,
    SosAlert,
    StepKind,
    StepState,
    Via,
)
from alerts.timeline import journal
from messaging.database import clock
from messaging.models import MessageClass

# The number of contacts on the way that stops the calls under duress.
ENOUGH_UNDER_DURESS = 2


class AlertOver(Exception):
    """The alert has ended, or has ended as far as this contact may know (alerts/contacts/untold.py)."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The result of "on the way". `is_first`: no other contact is on the way, so the others are told who comes."""

    is_first: bool


@transaction.atomic
def acknowledge(*, alert_id: UUID, contact_id: UUID, via: Via, now: datetime) -> Acknowledged:
    """Record that the contact is on the way; return whether the contact is the first. A repeat changes nothing.

    Moves the alert to acknowledged, also from exhausted. Tells the owner and, if this contact is the first, the other
    contacts. Skips all steps; under duress only this contact's, until ENOUGH_UNDER_DURESS are on the way. A drill only
    records the answer. Raises AlertOver, and SosAlert.DoesNotExist.
    """
    alert = _locked(alert_id, contact_id)
    earlier = Answer.objects.filter(alert=alert, kind=AnswerKind.ACKNOWLEDGED)
    responders = set(earlier.values_list("contact_id", flat=True))
    if contact_id in responders:
        return Acknowledged(is_first=len(responders) == 1)
    _note(alert, contact_id, AnswerKind.ACKNOWLEDGED, via=via, now=now)
    if alert.is_drill:  # Nobody sets out for a drill.
        return Acknowledged(is_first=not responders)
    name = _name(alert, contact_id)
    steps.tell_owner(alert, texts.coming(name, language=alert.owner.language), cause=contact_id, now=now)
    steps.stop(alert, contact_id=None if _are_enough(alert) else contact_id, now=now)
    if responders:
        return Acknowledged(is_first=False)
    signals.ask_to_move([alert], AlertMove.ACKNOWLEDGE, now=now)
    _tell_others(alert, contact_id, name, now=now)
    return Acknowledged(is_first=True)


def go_on_under_duress(alert: SosAlert, *, now: datetime) -> None:
    """Resume the steps of an open alert that is now under duress, unless ENOUGH_UNDER_DURESS contacts are on the way.

    Does nothing for a drill.
    """
    if alert.status in OPEN and not alert.is_drill and not _are_enough(alert):
        steps.resume(alert, now=now)


@transaction.atomic
def decline(*, alert_id: UUID, contact_id: UUID, via: Via, now: datetime) -> None:
    """Record that the contact cannot come, and skip the contact's steps. A repeat changes nothing.

    The steps of others resume if this contact was the only one on the way, or too few remain under duress. If all
    contacts have declined, the GIVE_UP step is due now. A drill only records the answer. Raises AlertOver, and
    SosAlert.DoesNotExist.
    """
    alert = _locked(alert_id, contact_id)
    answer = Answer.objects.filter(alert=alert, contact_id=contact_id).first()
    if answer is not None and answer.kind == AnswerKind.DECLINED:
        return
    _note(alert, contact_id, AnswerKind.DECLINED, via=via, now=now)
    if alert.is_drill:
        return
    steps.stop(alert, contact_id=contact_id, now=now)
    if answer is not None and not Answer.objects.filter(alert=alert, kind=AnswerKind.ACKNOWLEDGED).exists():
        _withdraw(alert, contact_id, now=now)
    elif alert.duress_at:
        go_on_under_duress(alert, now=now)
    _give_up_if_all_declined(alert, now=now)


def _are_enough(alert: SosAlert) -> bool:
    """Say whether enough phones are on the way that nobody else is called: one, or ENOUGH_UNDER_DURESS under duress.

    Contacts who share a phone number count once.
    """
    coming = Answer.objects.filter(alert=alert, kind=AnswerKind.ACKNOWLEDGED).values("contact_id")
    numbers = Notification.objects.filter(alert=alert, contact_id__in=coming).values_list("phone_number", flat=True)
    # Compared decrypted: one number may be stored in two forms.
    phones = {str(number) for number in numbers}
    return len(phones) >= (ENOUGH_UNDER_DURESS if alert.duress_at else 1)


def _locked(alert_id: UUID, contact_id: UUID) -> SosAlert:
    # A process that freezes here must not keep the owner from ending their alert.
    clock.set_request_timeout()
    alert = SosAlert.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(id=alert_id)
    if alert.status in ENDED or untold.end_for(alert, contact_id):
        raise AlertOver
    return alert


def _note(alert: SosAlert, contact_id: UUID, kind: AnswerKind, *, via: Via, now: datetime) -> None:
    Answer.objects.update_or_create(alert=alert, contact_id=contact_id, defaults={"kind": kind, "via": via, "at": now})
    journal.record(alert.id, EventKind(kind), by=journal.contact(contact_id), now=now, via=str(via))


def _withdraw(alert: SosAlert, contact_id: UUID, *, now: datetime) -> None:
    """Tell the owner and the other contacts that the only responder does not come, and move an acknowledged alert back
    to active, with its steps resumed.
    """
    # An alert that is exhausted or gave way calls nobody any more: it does not move.
    if signals.ask_to_move([alert], AlertMove.WITHDRAW, now=now):
        steps.resume(alert, now=now)
    name = _name(alert, contact_id)
    steps.tell_owner(alert, texts.not_coming(name, language=alert.owner.language), cause=contact_id, now=now)
    _tell(alert, contact_id, now=now, compose=lambda told: texts.withdrawn(name, alert.owner, language=told.language))


def _give_up_if_all_declined(alert: SosAlert, *, now: datetime) -> None:
    pending = EscalationStep.objects.filter(alert=alert, state=StepState.PENDING)
    declined = Answer.objects.filter(alert=alert, kind=AnswerKind.DECLINED).values("contact_id")
    others = Notification.objects.filter(alert=alert).exclude(contact_id__in=declined)
    if not others.exists():
        pending.filter(kind=StepKind.GIVE_UP).update(due_at=now)


def _tell_others(alert: SosAlert, contact_id: UUID, name: str, *, now: datetime) -> None:
    _tell(alert, contact_id, now=now, compose=lambda told: texts.responder(name, alert.owner, language=told.language))


def _tell(alert: SosAlert, contact_id: UUID, *, compose: notifying.TextOf, now: datetime) -> None:
    number = Notification.objects.filter(alert=alert, kind=NotificationKind.RESPONDER)
    latest = number.order_by("-round").values_list("round", flat=True).first()
    notifying.queue_messages(
        notifying.follow_ups(
            alert,
            kind=NotificationKind.RESPONDER,
            number=0 if latest is None else latest + 1,
            without=[contact_id],
        ),
        compose=compose,
        message_class=MessageClass.SAFETY,
        cause=contact_id,
        now=now,
    )


def _name(alert: SosAlert, contact_id: UUID) -> str:
    told = Notification.objects.filter(alert=alert, contact_id=contact_id).values_list("name", flat=True).first()
    return told or ""
