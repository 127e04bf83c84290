"""Who has been reached, for the owner: an alert with the truth about each contact, and one sentence that sums it up."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import CharField, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext, ngettext, override

from alerts.models import CALLING, AlertEvent, AnswerKind, Notification, SosAlert
from alerts.owner import truth, view
from alerts.owner.truth import ContactTruth, Status
from alerts.timeline import journal
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
    """What asked for help, the SOS first, in the contacts' order, with when each message last moved, by alert."""
    last_event = MessageEvent.objects.filter(message=OuterRef("message_id")).order_by("-id").values("at")[:1]
    rows = (
        Notification.objects.filter(alert__in=alerts, kind__in=CALLING)
        .select_related("message")
        .defer("message__text")
        .annotate(moved_at=Subquery(last_event), answer=_answer(alerts))
        .order_by("message_id")
    )
    by_alert: defaultdict[UUID, list[Told]] = defaultdict(list)
    shown = view.messages_of(alerts, [(notification, notification.moved_at) for notification in rows])
    for notification, moved_at in shown:
        by_alert[notification.alert_id].append(Told(notification, moved_at, getattr(notification, "answer", None)))
    return by_alert


def _answer(alerts: Sequence[SosAlert]) -> Subquery:
    """What a contact last said; under duress, last before it."""
    feigned = [alert.id for alert in alerts if alert.duress_at is not None]
    said = AlertEvent.objects.filter(
        ~Q(alert__in=feigned) | Q(at__lte=F("alert__duress_at")),
        alert=OuterRef("alert_id"),
        kind__in=AnswerKind.values,
        by=Concat(Value(journal.CONTACT), Cast(OuterRef("contact_id"), CharField())),
    )
    return Subquery(said.order_by("-id").values("kind")[:1])


def _report(alert: SosAlert, told: list[Told], *, warnings: tuple[str, ...] = ()) -> AlertReport:
    alert = view.of(alert)
    by_contact: defaultdict[UUID, list[Told]] = defaultdict(list)
    for each in told:
        by_contact[each.notification.contact_id].append(each)
    contacts = [_contact(tries, alert) for tries in by_contact.values()]
    return AlertReport(alert=alert, contacts=contacts, reach=_reach(contacts), warnings=warnings)


def _contact(told: list[Told], alert: SosAlert) -> ContactTruth:
    sos = told[0].notification
    return ContactTruth(
        contact_id=sos.contact_id,
        name=sos.name,
        phone_number=str(sos.phone_number),
        tries=tuple(truth.of(each.notification, alert, updated_at=each.moved_at) for each in told),
        answer=told[0].answer,
    )


def _reach(contacts: list[ContactTruth]) -> Reach:
    statuses = Counter(contact.sos.status for contact in contacts)
    return Reach(
        contacts=len(contacts),
        can_be_reached=sum(contact.may_be_reached for contact in contacts),
        delivered=statuses[Status.DELIVERED],
        failed=sum(statuses[status] for status in truth.NOT_REACHED),
        summary=_summary(contacts, statuses),
    )


def _summary(contacts: list[ContactTruth], statuses: Counter[Status]) -> str:
    if not contacts:
        return gettext("You have no emergency contacts: nobody was told.")
    parts = [
        *_answers(contacts),
        gettext("{delivered} of {contacts} delivered").format(
            delivered=statuses[Status.DELIVERED], contacts=len(contacts)
        ),
    ]
    if on_the_way := sum(statuses[status] for status in truth.ON_THE_WAY):
        parts.append(ngettext("{count} on its way", "{count} on their way", on_the_way).format(count=on_the_way))
    if untold := statuses[Status.CANCELLED]:
        parts.append(_ended_first(untold))
    if ringing := [contact.name for contact in contacts if _is_ringing(contact)]:
        parts.append(gettext("calling {names}").format(names=", ".join(ringing[:_NAMED])))
    return "; ".join(parts + _troubles(contacts))


def _answers(contacts: list[ContactTruth]) -> list[str]:
    coming = [c.name for c in contacts if c.answer == AnswerKind.ACKNOWLEDGED]
    declined = [c.name for c in contacts if c.answer == AnswerKind.DECLINED]
    return [
        *(gettext("{name} is on the way").format(name=name) for name in coming),
        *(gettext("{name} cannot come").format(name=name) for name in declined),
    ]


def _is_ringing(contact: ContactTruth) -> bool:
    return any(call.status in truth.ON_THE_WAY for call in contact.calls)


def _ended_first(count: int) -> str:
    return ngettext(
        "{count} contact was not told: the alert ended first",
        "{count} contacts were not told: the alert ended first",
        count,
    ).format(count=count)


def _troubles(contacts: list[ContactTruth]) -> list[str]:
    """What the person may have to act on, contact by contact, the first few by name."""
    doubtful = (*truth.NOT_REACHED, Status.UNCONFIRMED)
    # Of several calls the last.
    last = [tried for contact in contacts for tried in (contact.sos, *contact.calls[-1:])]
    details = [tried.detail for tried in last if tried.status in doubtful and tried.detail]
    more = len(details) - _NAMED
    if more <= 0:
        return details
    rest = ngettext("and {count} more contact not reached", "and {count} more contacts not reached", more)
    return [*details[:_NAMED], rest.format(count=more)]
