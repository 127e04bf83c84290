"""The owner's report on an alert: the alert, the status of its messages to each contact, and a sentence about all."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext, ngettext, override

from alerts.models import AnswerKind, SosAlert
from alerts.owner import notifications, truth, view
from alerts.owner.notifications import ShownNotification
from alerts.owner.truth import ContactTruth, Status
from alerts.owner.view import ShownAlert

# A person who is running does not read a summary with more names than this.
_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Counts of the alert's contacts, and one sentence about them.

    `can_be_reached`: contacts to whom at least one SMS or call has not certainly failed. `delivered` and `failed` count
    the first SMS alone.
    """

    contacts: int
    can_be_reached: int
    delivered: int
    failed: int
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertReport:
    alert: ShownAlert
    contacts: list[ContactTruth]
    reach: Reach
    warnings: tuple[str, ...] = ()


def report(alert: SosAlert, *, language: str, warnings: tuple[str, ...] = ()) -> AlertReport:
    """The report on one alert as the owner's devices show it, in this language. `warnings` are those of a press."""
    asked = notifications.shown([alert])[alert.id]
    with override(language):
        return _report(view.shown(alert), asked, warnings=warnings)


def reports(alerts: Sequence[SosAlert], *, language: str) -> list[AlertReport]:
    """The reports on many alerts as the owner's devices show them. Takes no more queries than one report."""
    asked = notifications.shown(alerts)
    with override(language):
        return [_report(view.shown(alert), asked[alert.id]) for alert in alerts]


def whole_report(alert: SosAlert, *, language: str) -> AlertReport:
    """The report on the alert as it really is, for operators only."""
    asked = notifications.whole(alert)
    with override(language):
        return _report(view.whole(alert), asked)


def _report(alert: ShownAlert, asked: Sequence[ShownNotification], *, warnings: tuple[str, ...] = ()) -> AlertReport:
    by_contact: defaultdict[UUID, list[ShownNotification]] = defaultdict(list)
    for each in asked:
        by_contact[each.contact_id].append(each)
    contacts = [_contact(theirs, alert) for theirs in by_contact.values()]
    return AlertReport(alert=alert, contacts=contacts, reach=_reach(contacts), warnings=warnings)


def _contact(asked: Sequence[ShownNotification], alert: ShownAlert) -> ContactTruth:
    sos = asked[0]
    return ContactTruth(
        contact_id=sos.contact_id,
        name=sos.name,
        phone_number=str(sos.phone_number),
        tries=tuple(truth.try_of(each, is_over=alert.ended_at is not None) for each in asked),
        answer=sos.answer,
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
        return gettext("Nobody was told: you have no emergency contact who may be asked now.")
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
    """Sentences about first SMS and last calls that failed or may have failed: the first _NAMED of them, then one with
    the number of others.
    """
    doubtful = (*truth.NOT_REACHED, Status.UNCONFIRMED)
    # Only the last of several calls counts.
    last = [tried for contact in contacts for tried in (contact.sos, *contact.calls[-1:])]
    details = [tried.detail for tried in last if tried.status in doubtful and tried.detail]
    more = len(details) - _NAMED
    if more <= 0:
        return details
    rest = ngettext("and {count} more contact not reached", "and {count} more contacts not reached", more)
    return [*details[:_NAMED], rest.format(count=more)]
