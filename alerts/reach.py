"""Who has been reached, for the owner: an alert with the truth about each contact, and one sentence that sums it up."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import CharField, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext, ngettext, override

from alerts import owner_view, timeline, truth
from alerts.models import AlertEvent, AnswerKind, Notification, NotificationKind, SosAlert
from alerts.truth import ContactTruth, Status
from messaging.models import MessageEvent

# A summary of more sentences than this is not read by someone who is running.
_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Counts of contacts. `can_be_reached` are those who were told or still may be."""

    contacts: int
    can_be_reached: int
    delivered: int
    failed: int
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertReport:
    alert: SosAlert
    contacts: list[ContactTruth]
    reach: Reach
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Who was told, when that message last moved, and what they last answered."""

    notification: Notification
    moved_at: datetime
    answer: str | None


def report(alert: SosAlert, *, language: str, warnings: tuple[str, ...] = ()) -> AlertReport:
    """One alert with its truth, in the person's language."""
    with override(language):
        return _report(alert, _told([alert])[alert.id], warnings=warnings)


def reports(alerts: Sequence[SosAlert], *, language: str) -> list[AlertReport]:
    """Many alerts with their truth, by one query."""
    told = _told(alerts)
    with override(language):
        return [_report(alert, told[alert.id]) for alert in alerts]


def _told(alerts: Sequence[SosAlert]) -> defaultdict[UUID, list[Told]]:
    """SOS notifications in the contacts' order, each with the time its message last moved, by alert."""
    last_event = MessageEvent.objects.filter(message=OuterRef("message_id")).order_by("-id").values("at")[:1]
    rows = (
        Notification.objects.filter(alert__in=alerts, kind=NotificationKind.SOS)
        .select_related("message")
        .defer("message__text")
        .annotate(moved_at=Subquery(last_event), answer=_answer())
        .order_by("message_id")
    )
    by_alert: defaultdict[UUID, list[Told]] = defaultdict(list)
    shown = owner_view.messages_of(alerts, [(notification, notification.moved_at) for notification in rows])
    for notification, moved_at in shown:
        by_alert[notification.alert_id].append(Told(notification, moved_at, getattr(notification, "answer", None)))
    return by_alert


def _answer() -> Subquery:
    """What a contact last said; under duress, last before it."""
    said = AlertEvent.objects.filter(
        Q(alert__duress_at=None) | Q(at__lte=F("alert__duress_at")),
        alert=OuterRef("alert_id"),
        kind__in=AnswerKind.values,
        by=Concat(Value(timeline.CONTACT), Cast(OuterRef("contact_id"), CharField())),
    )
    return Subquery(said.order_by("-id").values("kind")[:1])


def _report(alert: SosAlert, told: list[Told], *, warnings: tuple[str, ...] = ()) -> AlertReport:
    alert = owner_view.of(alert)
    contacts = [truth.of(t.notification, alert, updated_at=t.moved_at, answer=t.answer) for t in told]
    return AlertReport(alert=alert, contacts=contacts, reach=_reach(contacts), warnings=warnings)


def _reach(contacts: list[ContactTruth]) -> Reach:
    statuses = Counter(contact.status for contact in contacts)
    failed = sum(statuses[status] for status in truth.NOT_REACHED)
    return Reach(
        contacts=len(contacts),
        can_be_reached=len(contacts) - failed - statuses[Status.CANCELLED],
        delivered=statuses[Status.DELIVERED],
        failed=failed,
        summary=_summary(contacts, statuses),
    )


def _summary(contacts: list[ContactTruth], statuses: Counter[Status]) -> str:
    if not contacts:
        return gettext("You have no emergency contacts: nobody was told.")
    parts = [
        *(gettext("{name} is on the way").format(name=c.name) for c in contacts if c.answer == AnswerKind.ACKNOWLEDGED),
        gettext("{delivered} of {contacts} delivered").format(
            delivered=statuses[Status.DELIVERED], contacts=len(contacts)
        ),
    ]
    if on_the_way := sum(statuses[status] for status in truth.ON_THE_WAY):
        parts.append(ngettext("{count} on its way", "{count} on their way", on_the_way).format(count=on_the_way))
    if untold := statuses[Status.CANCELLED]:
        parts.append(_ended_first(untold))
    return "; ".join(parts + _troubles(contacts))


def _ended_first(count: int) -> str:
    return ngettext(
        "{count} contact was not told: the alert ended first",
        "{count} contacts were not told: the alert ended first",
        count,
    ).format(count=count)


def _troubles(contacts: list[ContactTruth]) -> list[str]:
    """What the person may have to act on, contact by contact, the first few by name."""
    doubtful = (*truth.NOT_REACHED, Status.UNCONFIRMED)
    details = [contact.detail for contact in contacts if contact.status in doubtful and contact.detail]
    more = len(details) - _NAMED
    if more <= 0:
        return details
    rest = ngettext("and {count} more contact not reached", "and {count} more contacts not reached", more)
    return [*details[:_NAMED], rest.format(count=more)]
