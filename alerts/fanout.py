"""Telling the contacts: one notification and one message each, set-wise, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts import links, texts
from alerts.models import CALLING, AlertKind, Notification, NotificationKind, SosAlert
from identity.contacts import to_tell
from identity.models import User
from messaging import addresses, outbox
from messaging.models import Attempt, AttemptOutcome, Channel, MessageClass
from messaging.speech import Recording
from messaging.states import State

_WORDS = {AlertKind.SOS: texts.sos, AlertKind.MISSED_CHECK_IN: texts.missed_check_in}
# The text for one of those who are told.
Compose = Callable[[Notification], str]


def call_for_help(
    alert: SosAlert,
    owner: User,
    *,
    now: datetime,
    contact_ids: Collection[UUID] = (),
    without: Collection[UUID] = (),
) -> list[Notification]:
    """Queue the SOS, that a check-in was missed, or a TEST, for these contacts, all if none of them is one any more.

    The first contacts of all people go before anyone's second.
    """
    everybody = to_tell(owner.id)
    chosen = [contact for contact in everybody if contact.id in contact_ids] or everybody
    contacts = [contact for contact in chosen if contact.id not in without]
    tokens = links.issue(alert_id=alert.id, contact_ids=[contact.id for contact in contacts], now=now)
    compose = words(alert)
    return tell(
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
        compose=lambda told: compose(owner, language=told.language, link=links.address(tokens[told.contact_id])),
        message_class=MessageClass.SAFETY if alert.is_drill else MessageClass.EMERGENCY,
        now=now,
    )


def words(alert: SosAlert) -> Callable[..., str]:
    """The text that calls for help in this alert, first or again: of (owner, language=, link=)."""
    return texts.drill if alert.is_drill else _WORDS[AlertKind(alert.kind)]


def called(alert: SosAlert) -> set[UUID]:
    """The contacts who have been called for help."""
    return set(alert.notifications.filter(kind=NotificationKind.SOS).values_list("contact_id", flat=True))


def warn_of_duress(alert: SosAlert, owner: User, *, now: datetime) -> None:
    """Tell everyone who is called that the owner was forced to end the alert: calling back could give them away."""
    called = Notification.objects.filter(alert=alert, kind__in=CALLING)
    tell(
        _one_each(called, kind=NotificationKind.DURESS),
        compose=lambda told: texts.duress(owner, language=told.language),
        message_class=MessageClass.EMERGENCY,
        now=now,
    )


def call_off(alert: SosAlert, owner: User, *, now: datetime) -> None:
    """Cancel what nobody has begun to send; whoever was or may have been told of the alert gets the all-clear."""
    called = Notification.objects.filter(alert=alert, kind__in=CALLING)
    outbox.cancel(list(called.values_list("message_id", flat=True)), now=now)
    tell(
        told_of(alert, kind=NotificationKind.ALL_CLEAR),
        compose=lambda told: texts.all_clear(alert, owner, language=told.language),
        message_class=MessageClass.SAFETY,
        now=now,
    )


def told_of(
    alert: SosAlert, *, kind: NotificationKind, number: int = 0, without: Collection[UUID] = ()
) -> list[Notification]:
    """One new notification for each contact who was or may have been called for help, in the contacts' order."""
    called = Notification.objects.filter(_may_have_been_told(), alert=alert, kind__in=CALLING)
    return _one_each(called.exclude(contact_id__in=without), kind=kind, number=number)


def _one_each(called: QuerySet[Notification], *, kind: NotificationKind, number: int = 0) -> list[Notification]:
    contacts = {told.contact_id: told for told in called.order_by("-message_id")}
    return [
        _again(told, kind=kind, number=number) for told in sorted(contacts.values(), key=lambda told: told.message_id)
    ]


def _again(told: Notification, *, kind: NotificationKind, number: int = 0) -> Notification:
    """A further notification of the same contact, not saved yet."""
    return Notification(
        alert_id=told.alert_id,
        contact_id=told.contact_id,
        kind=kind,
        round=number,
        name=told.name,
        phone_number=told.phone_number,
        language=told.language,
    )


def _may_have_been_told() -> Q:
    """Not those whose message ended before any call could have created it at the provider. A call with an unknown
    outcome may have, whatever became of the message later."""
    unsent = (State.FAILED, State.EXPIRED, State.CANCELLED)
    calls = Attempt.objects.filter(message=OuterRef("message_id")).exclude(outcome=AttemptOutcome.NOT_CREATED)
    return ~Q(message__state__in=unsent) | Q(Exists(calls))


def tell(
    notifications: list[Notification],
    *,
    compose: Compose,
    message_class: MessageClass,
    channel: Channel = Channel.SMS,
    now: datetime,
) -> list[Notification]:
    """Queue a message for each and save them all. Whom nothing may be sent to takes nobody's rank."""
    ranks = accumulate((_is_allowed(told, channel) for told in notifications[:-1]), initial=0)
    messages = outbox.queue(
        [
            outbox.Outgoing(
                address=str(notification.phone_number),
                text=compose(notification),
                message_class=message_class,
                channel=channel,
                language=notification.language,
                recording=Recording.HELP if channel is Channel.VOICE else "",
                rank=rank,
            )
            for rank, notification in zip(ranks, notifications, strict=False)
        ],
        now=now,
    )
    for notification, message in zip(notifications, messages, strict=True):
        notification.message = message
    return Notification.objects.bulk_create(notifications)


def _is_allowed(told: Notification, channel: Channel) -> bool:
    return not addresses.refusal(channel, str(told.phone_number))


def give_ranks_to_the_next(message_ids: Collection[int]) -> None:
    """Whose SOS did not arrive gives its rank to the contact after them, whose SOS may still be waiting."""
    sos = Notification.objects.filter(kind=NotificationKind.SOS)
    lost = defaultdict(list)
    for alert_id, rank in sos.filter(message__in=message_ids).values_list("alert_id", "message__rank"):
        lost[alert_id].append(rank)
    waiting = sos.filter(alert__in=list(lost), message__state=State.QUEUED)
    ahead = {
        message_id: sum(before < rank for before in lost[alert_id])
        for alert_id, message_id, rank in waiting.values_list("alert_id", "message_id", "message__rank")
    }
    outbox.move_up({message_id: places for message_id, places in ahead.items() if places})
