"""Telling the contacts: one notification and one message each, set-wise, in the caller's transaction."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from alerts.contacts import links, texts
from alerts.models import CALLING, AlertKind, Notification, NotificationKind, SosAlert
from identity.contacts.contacts import to_tell
from identity.models import EmergencyContact, User
from messaging import history
from messaging.models import Channel, MessageClass
from messaging.outbox import addresses, outgoing
from messaging.speech import Recording
from messaging.states import State

_WORDS = {AlertKind.SOS: texts.sos, AlertKind.MISSED_CHECK_IN: texts.missed_check_in}
# The text for one of those who are told.
Compose = Callable[[Notification], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Whom to call for help in an alert: these contacts, or all if none of them is one any more; but not `without`."""

    alert: SosAlert
    contact_ids: Collection[UUID]
    without: Collection[UUID]


def call_for_help(calls: Sequence[Call], *, message_class: MessageClass, now: datetime) -> list[Notification]:
    """Queue the SOS, that a check-in was missed, or a TEST, for the contacts of each alert.

    The first contacts of all people go before anyone's second.
    """
    contacts = defaultdict(list)
    for contact in to_tell(*(call.alert.owner_id for call in calls)):
        contacts[contact.user_id].append(contact)
    return send_words(
        [_first(call.alert, contact) for call in calls for contact in _chosen(call, contacts[call.alert.owner_id])],
        message_class=message_class,
        now=now,
    )


def _chosen(call: Call, everybody: list[EmergencyContact]) -> list[EmergencyContact]:
    chosen = [contact for contact in everybody if contact.id in call.contact_ids] or everybody
    return [contact for contact in chosen if contact.id not in call.without]


def _first(alert: SosAlert, contact: EmergencyContact) -> Notification:
    return Notification(
        alert=alert,
        contact_id=contact.id,
        kind=NotificationKind.SOS,
        name=contact.name,
        phone_number=contact.phone_number,
        language=contact.language,
    )


def send_words(
    notifications: Sequence[Notification], *, message_class: MessageClass, now: datetime
) -> list[Notification]:
    """Queue what calls for help in their alerts, first or again, with the link of each."""
    tokens = links.issue(((told.alert_id, told.contact_id) for told in notifications), now=now)

    def compose(told: Notification) -> str:
        link = links.address(tokens[told.alert_id, told.contact_id])
        words = texts.drill if told.alert.is_drill else _WORDS[AlertKind(told.alert.kind)]
        return words(told.alert.owner, language=told.language, link=link)

    # Cancelled when their alert ends, a TEST too: nobody else's text may be in it.
    return tell(notifications, compose=compose, message_class=message_class, stands_alone=True, now=now)


def called(alert_ids: Collection[UUID]) -> defaultdict[UUID, set[UUID]]:
    """The contacts who have been called for help, by alert; one query, none for no alert."""
    contacts: defaultdict[UUID, set[UUID]] = defaultdict(set)
    if alert_ids:
        told = Notification.objects.filter(alert__in=alert_ids, kind=NotificationKind.SOS)
        for alert_id, contact_id in told.values_list("alert_id", "contact_id"):
            contacts[alert_id].add(contact_id)
    return contacts


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
    outgoing.cancel(list(called.values_list("message_id", flat=True)), now=now)
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
    called = Notification.objects.filter(history.may_have_been_sent(), alert=alert, kind__in=CALLING)
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


def tell(
    notifications: Sequence[Notification],
    *,
    compose: Compose,
    message_class: MessageClass,
    channel: Channel = Channel.SMS,
    stands_alone: bool = False,
    now: datetime,
) -> list[Notification]:
    """Queue a message for each and save them all, whatever alerts they are of."""
    # Spelling a number out takes the library longer than the rest of this.
    numbers = [str(notification.phone_number) for notification in notifications]
    ranks = _ranks(notifications, numbers, channel)
    messages = outgoing.queue(
        [
            outgoing.Outgoing(
                address=number,
                text=compose(notification),
                message_class=message_class,
                channel=channel,
                language=notification.language,
                recording=Recording.HELP if channel is Channel.VOICE else "",
                rank=rank,
                stands_alone=stands_alone,
            )
            for notification, number, rank in zip(notifications, numbers, ranks, strict=True)
        ],
        now=now,
    )
    for notification, message in zip(notifications, messages, strict=True):
        notification.message = message
    return Notification.objects.bulk_create(notifications)


def _ranks(notifications: Sequence[Notification], numbers: Sequence[str], channel: Channel) -> list[int]:
    """Each one's place in its alert. Whom nothing may be sent to takes nobody's rank."""
    ahead = Counter[UUID]()
    ranks = []
    for told, number in zip(notifications, numbers, strict=True):
        ranks.append(ahead[told.alert_id])
        ahead[told.alert_id] += not addresses.refusal(channel, number)
    return ranks


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
    outgoing.move_up({message_id: places for message_id, places in ahead.items() if places})
