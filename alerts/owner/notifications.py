"""The notifications that asked for help, as the owner's devices show them.

Reading them takes one query, and one more if a PIN ended one of the alerts, for any number of alerts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import CharField, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat, Now
from phonenumber_field.phonenumber import PhoneNumber

from alerts.models import CALLING, AlertEvent, AnswerKind, FeignedEnd, Notification, SosAlert
from alerts.owner import feigned, view
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
    """The notifications of each alert as the owner's devices show them, in the order of their messages; by alert id.

    Each contact's first SMS comes before the contact's other notifications.
    """
    ends = {alert.id: end for alert in alerts if (end := view.snapshot(alert))}
    under_duress = {alert.id for alert in alerts if alert.duress_at is not None}
    found = _calling([alert.id for alert in alerts], ends)
    moves = history.moves(_message_ids(ends.values())) if ends else {}
    by_alert: defaultdict[UUID, list[ShownNotification]] = defaultdict(list)
    for each in found:
        end = ends.get(each.alert_id)
        # Computed after a real end too, so that its duration does not tell which end it was.
        ended = end and _as_if_ended(each, end, moves[each.message_id])
        by_alert[each.alert_id].append(ended if ended and each.alert_id in under_duress else _as_it_is(each))
    return by_alert


def whole(alert: SosAlert) -> list[ShownNotification]:
    """The alert's notifications that asked for help, as they really are, for operators only."""
    return [_as_it_is(each) for each in _calling([alert.id], {}, is_whole=True)]


def _calling(
    alert_ids: Collection[UUID], ends: Mapping[UUID, FeignedEnd], *, is_whole: bool = False
) -> list[Notification]:
    """These alerts' notifications that asked for help. For an alert in `ends` only those that its snapshot holds.

    `is_whole`: with each contact's last answer even if it came under duress.
    """
    rows = Notification.objects.filter(alert__in=alert_ids, kind__in=CALLING).order_by("message_id")
    if ends:
        rows = rows.filter(~Q(alert__in=list(ends)) | Q(message__in=_message_ids(ends.values())))
    rows = rows.select_related("message").defer("message__text")
    return list(rows.annotate(moved_at=history.moved_at(), answer=_answer(is_whole=is_whole), read_at=Now()))


def _message_ids(ends: Iterable[FeignedEnd]) -> list[int]:
    return [int(message_id) for end in ends for message_id in end.states]


def _answer(*, is_whole: bool) -> Subquery:
    """A subquery for the contact's last answer (AnswerKind). For an alert under duress it is the last one before the
    duress PIN, unless `is_whole`.
    """
    is_shown = Q() if is_whole else Q(alert__duress_at=None) | Q(at__lte=F("alert__duress_at"))
    answers = AlertEvent.objects.filter(
        is_shown,
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
    """The notification with the state that its message would have now if the alert had ended with `end`.

    `moves` are the message's real moves.
    """
    now: datetime = notification.read_at  # type: ignore[attr-defined]  # an annotation of the query
    shown = feigned.shown_moves(end, moves, now=now)
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
