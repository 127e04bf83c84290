"""Tells an alert step by step: a press, time that passes, answers; and reads who was called and what Ana was texted."""

from datetime import timedelta
from uuid import UUID

from rest_framework.test import APIClient

from alerts.escalation import answers, steps
from alerts.models import EscalationStep, Notification, NotificationKind, SosAlert, StepState, Via
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message
from tests.alerts.engine import text_of

URL = "/api/v1/sos-alerts/"
CALL, REMINDER, RESPONDER = NotificationKind.CALL, NotificationKind.REMINDER, NotificationKind.RESPONDER


def press(phone: APIClient) -> str:
    return str(phone.post(URL, {}, format="json").data["id"])


def pass_time(seconds: float) -> int:
    """Move the due times of pending steps back by this much and take the steps that are due; returns how many."""
    for step in EscalationStep.objects.filter(state=StepState.PENDING):
        EscalationStep.objects.filter(id=step.id).update(due_at=step.due_at - timedelta(seconds=seconds))
    return steps.take_steps(now=clock.now())


def take_all_steps() -> None:
    """Pass time, ten minutes at once, until no step is pending."""
    while EscalationStep.objects.filter(state=StepState.PENDING).exists():
        pass_time(600)


def names(kind: NotificationKind) -> list[str]:
    """The contacts who got a notification of this kind, in order."""
    return list(Notification.objects.filter(kind=kind).order_by("message_id").values_list("name", flat=True))


def status(alert: str) -> str:
    return SosAlert.objects.get(id=alert).status


def acknowledge(alert: str, contact: EmergencyContact, via: Via = Via.PAGE) -> answers.Acknowledged:
    return answers.acknowledge(alert_id=UUID(alert), contact_id=contact.id, via=via, now=clock.now())


def decline(alert: str, contact: EmergencyContact) -> None:
    answers.decline(alert_id=UUID(alert), contact_id=contact.id, via=Via.PAGE, now=clock.now())


def to_owner(ana: User) -> list[str]:
    """The texts to the alert's owner, oldest first."""
    return [text_of(m) for m in Message.objects.filter(address=str(ana.phone_number)).order_by("id")]
