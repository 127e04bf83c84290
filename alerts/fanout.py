"""Telling the contacts: one notification and one message each, set-wise, in the caller's transaction."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from alerts import links, texts
from alerts.models import Notification, NotificationKind, SosAlert
from identity.contacts import to_tell
from identity.models import User
from messaging import outbox
from messaging.models import Attempt, AttemptOutcome, MessageClass
from messaging.states import State


def call_for_help(alert: SosAlert, owner: User, *, now: datetime) -> None:
    """Queue the SOS for every contact; the first contacts of all people go before anyone's second."""
    contacts = to_tell(owner.id)
    tokens = links.issue(alert_id=alert.id, contact_ids=[contact.id for contact in contacts], now=now)
    _tell(
        [
            Notification(
                alert=alert,
                contact_id=contact.id,
                kind=NotificationKind.SOS,
                name=contact.name,
                phone_number=contact.phone_number,
                language=contact.language,
            )
            for contact in contacts
        ],
        compose=lambda told: texts.sos(owner, language=told.language, link=links.address(tokens[told.contact_id])),
        message_class=MessageClass.EMERGENCY,
        now=now,
    )


def warn_of_duress(alert: SosAlert, owner: User, *, now: datetime) -> None:
    """Tell everyone who is called that the owner was forced to end the alert: calling back could give them away."""
    called = Notification.objects.filter(alert=alert, kind=NotificationKind.SOS).order_by("message_id")
    once = {told.contact_id: told for told in called}
    _tell(
        [
            Notification(
                alert=alert,
                contact_id=told.contact_id,
                kind=NotificationKind.DURESS,
                name=told.name,
                phone_number=told.phone_number,
                language=told.language,
            )
            for told in once.values()
        ],
        compose=lambda told: texts.duress(owner, language=told.language),
        message_class=MessageClass.EMERGENCY,
        now=now,
    )


def call_off(alert: SosAlert, owner: User, *, now: datetime) -> None:
    """Cancel what nobody has begun to send; whoever was or may have been told of the alert gets the all-clear."""
    called = Notification.objects.filter(alert=alert, kind=NotificationKind.SOS)
    message_ids = list(called.values_list("message_id", flat=True))
    outbox.cancel(message_ids, now=now)
    _tell(
        [
            Notification(
                alert=alert,
                contact_id=told.contact_id,
                kind=NotificationKind.ALL_CLEAR,
                name=told.name,
                phone_number=told.phone_number,
                language=told.language,
            )
            for told in called.filter(_may_have_been_told()).order_by("message_id")
        ],
        compose=lambda told: texts.all_clear(alert, owner, language=told.language),
        message_class=MessageClass.SAFETY,
        now=now,
    )


def _may_have_been_told() -> Q:
    """Not those whose message ended before any call could have created it at the provider. A call with an unknown
    outcome may have, whatever became of the message later."""
    unsent = (State.FAILED, State.EXPIRED, State.CANCELLED)
    calls = Attempt.objects.filter(message=OuterRef("message_id")).exclude(outcome=AttemptOutcome.NOT_CREATED)
    return ~Q(message__state__in=unsent) | Q(Exists(calls))


def _tell(
    notifications: list[Notification],
    *,
    compose: Callable[[Notification], str],
    message_class: MessageClass,
    now: datetime,
) -> None:
    messages = outbox.queue(
        [
            outbox.Outgoing(
                address=str(notification.phone_number),
                text=compose(notification),
                message_class=message_class,
                rank=rank,
            )
            for rank, notification in enumerate(notifications)
        ],
        now=now,
    )
    for notification, message in zip(notifications, messages, strict=True):
        notification.message = message
    Notification.objects.bulk_create(notifications)
