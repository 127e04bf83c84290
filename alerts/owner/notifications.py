"""The notifications that asked for help, as the owner's devices show them.

Reading the notifications of any number of alerts takes one query, and one more under duress.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import CharField, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from phonenumber_field.phonenumber import PhoneNumber

from alerts.models import CALLING, AlertEvent, AnswerKind, FeignedEnd, Notification, SosAlert
from alerts.owner import feigned
from alerts.owner.feigned import ShownMove
from alerts.timeline import journal
from messaging import history
from messaging.models import Channel
from messaging.states import FINAL, TAKEN, State


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownNotification:
    """One message that asked a contact for help, with what became of it.

    `answer`: the contact's last answer to the alert (AnswerKind). `accepted_at`: when the provider took the message.
    `final_at`: when the message ended. `moved_at`: when its state last changed.
    """

    alert_id: UUID
    contact_id: UUID
    kind: str
    name: str
    phone_number: PhoneNumber
    channel: Channel
    state: State
    error_code: str
    moved_at: datetime
    accepted_at: datetime | None
    final_at: datetime | None
    answer: str | None


def shown(alerts: Sequence[SosAlert]) -> defaultdict[UUID, list[ShownNotification]]:
    """The notifications of each alert as the owner's devices show them, by alert id: in the contacts' order, each SOS
    first.
    """
    ends = {alert.id: alert.feigned_end for alert in alerts if alert.duress_at is not None}
    found = _calling([alert.id for alert in alerts], under_duress=list(ends))
    moves = history.moves([each.message_id for each in found if each.alert_id in ends]) if ends else {}
    by_alert: defaultdict[UUID, list[ShownNotification]] = defaultdict(list)
    for each in found:
        end = ends.get(each.alert_id)
        if end is None:
            by_alert[each.alert_id].append(_as_it_is(each))
        elif str(each.message_id) in end.states:
            by_alert[each.alert_id].append(_as_if_ended(each, end, moves[each.message_id]))
    return by_alert


def whole(alert: SosAlert) -> list[ShownNotification]:
    """The notifications as they really are, for operators only."""
    return [_as_it_is(each) for each in _calling([alert.id])]


def _calling(alert_ids: Collection[UUID], *, under_duress: Collection[UUID] = ()) -> list[Notification]:
    rows = Notification.objects.filter(alert__in=alert_ids, kind__in=CALLING).order_by("message_id")
    rows = rows.select_related("message").defer("message__text")
    return list(rows.annotate(moved_at=history.moved_at(), answer=_answer(under_duress)))


def _answer(under_duress: Collection[UUID]) -> Subquery:
    """The contact's last answer; for an alert under duress, the contact's last answer before the duress PIN."""
    answers = AlertEvent.objects.filter(
        ~Q(alert__in=under_duress) | Q(at__lte=F("alert__duress_at")),
        alert=OuterRef("alert_id"),
        kind__in=AnswerKind.values,
        by=Concat(Value(journal.CONTACT), Cast(OuterRef("contact_id"), CharField())),
    )
    return Subquery(answers.order_by("-id").values("kind")[:1])


def _as_it_is(notification: Notification) -> ShownNotification:
    message = notification.message
    return ShownNotification(
        alert_id=notification.alert_id,
        contact_id=notification.contact_id,
        kind=notification.kind,
        name=notification.name,
        phone_number=notification.phone_number,
        channel=Channel(message.channel),
        state=State(message.state),
        error_code=message.error_code,
        moved_at=notification.moved_at,  # type: ignore[attr-defined]  # an annotation of the query
        accepted_at=message.accepted_at,
        final_at=message.final_at,
        answer=notification.answer,  # type: ignore[attr-defined]  # an annotation of the query
    )


def _as_if_ended(notification: Notification, end: FeignedEnd, moves: Sequence[history.Move]) -> ShownNotification:
    """The notification with its message as the pretended end would have left it."""
    shown = feigned.shown_moves(end, moves)
    last = shown[-1]
    return replace(
        _as_it_is(notification),
        state=last.state,
        error_code=last.error_code,
        moved_at=last.at,
        accepted_at=next((move.at for move in shown if move.state in TAKEN), None),
        final_at=_final_at(shown),
    )


def _final_at(moves: Sequence[ShownMove]) -> datetime | None:
    """When the message ended; None if its last move is not final.

    A later report on an `unconfirmed` message does not change the time.
    """
    final_at = None
    for move in moves:
        final_at = (final_at or move.at) if move.state in FINAL else None
    return final_at
