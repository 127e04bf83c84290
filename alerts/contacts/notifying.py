"""Messages to contacts about an alert: each has a notification and a row of the outbox. Texts of several alerts for one
phone may share a row.

A function that queues messages takes many contacts at once and writes in the caller's transaction.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from alerts.contacts import links, presses, texts, untold
from alerts.models import CALLING, AlertKind, Notification, NotificationKind, SosAlert
from identity.contacts.consent import is_confirmed
from identity.contacts.contacts import MAX_CONTACTS, to_tell
from identity.models import EmergencyContact, User
from messaging import history
from messaging.models import Channel, MessageClass
from messaging.outbox import addresses, outgoing
from messaging.speech import Prompt
from messaging.states import State

_HELP_TEXTS = {AlertKind.SOS: texts.sos, AlertKind.MISSED_CHECK_IN: texts.missed_check_in}
# Rounds after this one get no later ranks than this one.
_ROUNDS_RANKED = 3
# Returns the text of one notification.
TextOf = Callable[[Notification], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class HelpRequest:
    """One alert with the contacts it asks for help.

    Asks the contacts in `contact_ids`, or all contacts if `contact_ids` names nobody who still is a contact. Never asks
    the contacts in `without`.
    """

    alert: SosAlert
    contact_ids: Collection[UUID]
    without: Collection[UUID]


def request_help(requests: Sequence[HelpRequest], *, message_class: MessageClass, now: datetime) -> list[Notification]:
    """Queue the first SMS of each alert for its contacts: SOS, missed check-in or TEST. Return the saved notifications.

    By rank, the first contacts of all alerts go before the second contact of any alert. The second alert of an owner
    within an hour begins one rank later, the third two: one owner's many alerts do not delay another owner's first
    alert. If one of the alerts is a drill, contacts who have not accepted are left out.
    """
    contacts = defaultdict(list)
    # A contact who has not accepted gets no drill.
    is_drill = any(request.alert.is_drill for request in requests)
    for contact in to_tell(*(request.alert.owner_id for request in requests)):
        if not is_drill or is_confirmed(contact):
            contacts[contact.user_id].append(contact)
    asked = [
        first(request.alert, contact)
        for request in requests
        for contact in _chosen(request, contacts[request.alert.owner_id])
    ]
    withheld = presses.withheld(asked, now=now)
    return queue_help_texts(asked, message_class=message_class, withheld=withheld, now=now)


def _chosen(request: HelpRequest, everybody: list[EmergencyContact]) -> list[EmergencyContact]:
    chosen = [contact for contact in everybody if contact.id in request.contact_ids] or everybody
    return [contact for contact in chosen if contact.id not in request.without]


def first(alert: SosAlert, contact: EmergencyContact) -> Notification:
    """The notification, not saved yet, with which the alert asks this contact for help for the first time."""
    return Notification(
        alert=alert,
        contact_id=contact.id,
        kind=NotificationKind.SOS,
        name=contact.name,
        phone_number=contact.phone_number,
        language=contact.language,
        is_confirmed=is_confirmed(contact),
    )


def queue_help_texts(
    notifications: Sequence[Notification],
    *,
    message_class: MessageClass,
    withheld: Collection[UUID] = (),
    now: datetime,
) -> list[Notification]:
    """Queue the SMS that asks for help, with the contact's own link: the first SMS or a reminder. Save the
    notifications and return them.

    The messages of notifications whose ids are in `withheld` are stored as failed and never sent.
    """
    tokens = links.issue(((each.alert_id, each.contact_id) for each in notifications), now=now)

    def compose(notification: Notification) -> str:
        alert = notification.alert
        link = links.url(tokens[notification.alert_id, notification.contact_id])
        return _help_text(alert)(alert.owner, language=notification.language, link=link)

    # The end of the alert cancels these messages, also a TEST: they may hold no text of another alert.
    return queue_messages(
        notifications, compose=compose, message_class=message_class, stands_alone=True, withheld=withheld, now=now
    )


def _help_text(alert: SosAlert) -> Callable[..., str]:
    if alert.is_silent:
        return texts.duress
    return texts.drill if alert.is_drill else _HELP_TEXTS[AlertKind(alert.kind)]


def contacts_asked(alert_ids: Collection[UUID]) -> defaultdict[UUID, set[UUID]]:
    """The ids of the contacts who have been asked for help, by alert. Takes one query, or no query without alerts."""
    contacts: defaultdict[UUID, set[UUID]] = defaultdict(set)
    if alert_ids:
        sos = Notification.objects.filter(alert__in=alert_ids, kind=NotificationKind.SOS)
        for alert_id, contact_id in sos.values_list("alert_id", "contact_id"):
            contacts[alert_id].add(contact_id)
    return contacts


def warn_of_duress(alert: SosAlert, owner: User, *, now: datetime) -> None:
    """Tell the contacts who were asked for help that somebody threatens the owner.

    Without the warning a contact might call the owner, and the coercer would learn that the alert goes on. Contacts
    whom the owner does not want told of duress (untold.py) are left out.
    """
    told = _help_notifications(alert).exclude(contact_id__in=untold.of_alert(alert))
    warnings = _one_each(alert, told, kind=NotificationKind.DURESS)
    tokens = links.issue(((alert.id, warning.contact_id) for warning in warnings), now=now)

    def compose(warning: Notification) -> str:
        link = links.url(tokens[alert.id, warning.contact_id])
        return texts.duress(owner, language=warning.language, link=link)

    queue_messages(
        warnings,
        compose=compose,
        message_class=MessageClass.EMERGENCY,
        now=now,
    )


def send_all_clear(alert: SosAlert, owner: User, *, only_to: Collection[UUID] | None = None, now: datetime) -> None:
    """Cancel the alert's messages that ask for help, if no process has begun to send them, and queue the all-clear.

    The all-clear goes to each contact whose message may have been sent and who has no all-clear yet. `only_to`: ids of
    contacts; only their messages are cancelled, and only they get the all-clear.
    """
    asked = _help_notifications(alert)
    if only_to is not None:
        asked = asked.filter(contact_id__in=only_to)
    outgoing.cancel(list(asked.values_list("message_id", flat=True)), now=now)
    queue_messages(
        _one_each(
            alert,
            asked.filter(history.may_have_been_sent()),
            kind=NotificationKind.ALL_CLEAR,
            without=_cleared(alert),
        ),
        compose=lambda notification: texts.all_clear(alert, owner, language=notification.language),
        message_class=MessageClass.SAFETY,
        now=now,
    )


def follow_ups(
    alert: SosAlert, *, kind: NotificationKind, number: int = 0, without: Collection[UUID] = ()
) -> list[Notification]:
    """One new notification, not saved yet, for each contact to whom a message that asks for help may have been sent.

    The notifications are in the order in which the contacts were first asked. `number` becomes their `round`. The ids
    in `without` are left out, and contacts who are not told of duress: for them the alert has ended.
    """
    earlier = _help_notifications(alert).filter(history.may_have_been_sent())
    return _one_each(alert, earlier, kind=kind, number=number, without=[*without, *untold.of_alert(alert)])


def _cleared(alert: SosAlert) -> Collection[UUID]:
    """The ids of the contacts who got the all-clear at the pretended end of the alert, which really ends only now."""
    return untold.of_alert(alert) if alert.ended_at else ()


def _help_notifications(alert: SosAlert) -> QuerySet[Notification]:
    return Notification.objects.filter(alert=alert, kind__in=CALLING).exclude(message__error_code=presses.WITHHELD)


def _one_each(
    alert: SosAlert,
    earlier: QuerySet[Notification],
    *,
    kind: NotificationKind,
    number: int = 0,
    without: Collection[UUID] = (),
) -> list[Notification]:
    """A new notification, not saved yet, for each contact with one in `earlier`, in the order of their first messages.

    Name, number and language are those of the contact's first notification in `earlier`.
    """
    first = {each.contact_id: each for each in earlier.order_by("-message_id") if each.contact_id not in without}
    return [
        _follow_up(alert, each, kind=kind, number=number)
        for each in sorted(first.values(), key=lambda each: each.message_id)
    ]


def _follow_up(alert: SosAlert, earlier: Notification, *, kind: NotificationKind, number: int) -> Notification:
    return Notification(
        alert=alert,
        contact_id=earlier.contact_id,
        kind=kind,
        round=number,
        name=earlier.name,
        phone_number=earlier.phone_number,
        language=earlier.language,
        is_confirmed=earlier.is_confirmed,
    )


def queue_messages(
    notifications: Sequence[Notification],
    *,
    compose: TextOf,
    message_class: MessageClass,
    channel: Channel = Channel.SMS,
    stands_alone: bool = False,
    withheld: Collection[UUID] = (),
    cause: UUID | None = None,
    now: datetime,
) -> list[Notification]:
    """Queue one message for each notification, of any number of alerts. Save the notifications and return them.

    `cause` is the id of the contact whose answer the messages report. Without it the alert's owner is their cause.
    """
    # Format each number once: the library needs more time for it than the rest of this function takes.
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
                recording=Prompt.HELP if channel is Channel.VOICE else "",
                rank=rank,
                stands_alone=stands_alone,
                on_behalf_of=str(cause or notification.alert.owner_id),
                despite_ceilings=message_class is MessageClass.EMERGENCY and _is_first(notification),
                is_confirmed=notification.is_confirmed,
                refusal=presses.WITHHELD if notification.id in withheld else None,
                not_before=_not_before(notification, now=now),
            )
            for notification, number, rank in zip(notifications, numbers, ranks, strict=True)
        ],
        now=now,
    )
    for notification, message in zip(notifications, messages, strict=True):
        notification.message = message
    return Notification.objects.bulk_create(notifications)


def _is_first(notification: Notification) -> bool:
    """Whether it is an alert's first SMS or first call to a contact, or a warning of duress.

    The hourly ceilings of its phone number do not refuse it, up to `messaging.policy.MOST_DESPITE_CEILINGS`.
    """
    kinds = (NotificationKind.SOS, NotificationKind.CALL, NotificationKind.DURESS)
    return notification.kind in kinds and notification.round == 0


def _not_before(notification: Notification, *, now: datetime) -> datetime | None:
    return now + presses.wait(notification.alert) if notification.kind == NotificationKind.SOS else None


def _ranks(notifications: Sequence[Notification], numbers: Sequence[str], channel: Channel) -> list[int]:
    """The rank of each notification within its alert. A number that the outbox refuses uses up no rank.

    The ranks of an alert begin with the number of alerts that its owner raised in the hour before. Messages of a second
    round, and messages to contacts who have not confirmed, come after the first messages to all others.
    """
    ahead = Counter[UUID]()
    ranks = []
    for notification, number in zip(notifications, numbers, strict=True):
        later = MAX_CONTACTS * min(notification.round + (not notification.is_confirmed), _ROUNDS_RANKED)
        ranks.append(ahead[notification.alert_id] + notification.alert.raised_before + later)
        ahead[notification.alert_id] += not addresses.refusal(channel, number)
    return ranks


def give_ranks_to_the_next(message_ids: Collection[int]) -> None:
    """Give freed ranks to waiting contacts. `message_ids` are messages that did not arrive.

    For each first SMS among them, every queued first SMS of the same alert with a later rank moves up by one rank.
    """
    sos = Notification.objects.filter(kind=NotificationKind.SOS)
    lost = defaultdict(list)
    for alert_id, rank in sos.filter(message__in=message_ids).values_list("alert_id", "message__rank"):
        lost[alert_id].append(rank)
    waiting = sos.filter(alert__in=list(lost), message__state=State.QUEUED)
    ahead = {
        message_id: sum(before < rank for before in lost[alert_id])
        for alert_id, message_id, rank in waiting.values_list("alert_id", "message_id", "message__rank")
    }
    outgoing.move_up({message_id: ranks for message_id, ranks in ahead.items() if ranks})
