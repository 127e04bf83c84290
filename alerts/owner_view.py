"""What the owner's devices are told of an alert. Whoever forced the owner to type the duress PIN may be reading, so
everything an owner asks goes through here: under duress each answer is that of an alert which ended then.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime

from django.db.models import Q, QuerySet

from alerts.models import AlertEvent, AlertPosition, AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from messaging.models import MessageEvent
from messaging.states import FINAL, State

# A notification, and when its message last moved.
Told = tuple[Notification, datetime]

_END = {AlertStatus.CANCELLED: EventKind.CANCELLED, AlertStatus.RESOLVED: EventKind.RESOLVED}
# What is done to an alert that has ended, by the owner's devices or by the operator.
_AFTER_AN_END = (
    EventKind.PIN_WRONG,
    EventKind.EVIDENCE_ADDED,
    EventKind.EVIDENCE_HELD,
    EventKind.EVIDENCE_RELEASED,
    EventKind.EVIDENCE_ERASED,
)
_AFTER_A_DOUBT = (State.SENT, State.DELIVERED, State.UNDELIVERED)


def has_status(status: str) -> Q:
    """The alerts that their owner is shown with this status."""
    return Q(duress_at=None, status=status) | Q(duress_at__isnull=False, feigned_end__status=status)


def of(alert: SosAlert) -> SosAlert:
    """The alert as its owner is shown it: itself or, under duress, a copy that has ended. Never save the copy."""
    if alert.duress_at is None:
        return alert
    feigned, shown = alert.feigned_end, copy(alert)
    shown.status, shown.updated_at, shown.ended_at = feigned.status, feigned.at, feigned.at
    shown.latitude, shown.longitude, shown.address = feigned.latitude, feigned.longitude, feigned.address
    return shown


def steps_of(alert: SosAlert) -> list[AlertEvent]:
    """The alert's timeline, oldest first, as its owner is shown it. Never save what it returns.

    The duress PIN stands there as the end that it pretended, and of what came later what an ended alert has too.
    """
    steps = list(alert.events.order_by("id"))
    if alert.duress_at is None:
        return steps
    pretended = next(place for place, step in enumerate(steps) if step.kind == EventKind.DURESS)
    end = copy(steps[pretended])
    end.kind, end.data = _END[AlertStatus(alert.feigned_end.status)], {}
    return [*steps[:pretended], end, *(step for step in steps[pretended + 1 :] if step.kind in _AFTER_AN_END)]


def positions_of(alert: SosAlert) -> QuerySet[AlertPosition]:
    """Those that an alert which ended then would have taken."""
    ended_at = of(alert).ended_at
    return alert.positions.filter(recorded_at__lte=ended_at) if ended_at else alert.positions.all()


def messages_of(alerts: Iterable[SosAlert], told: Sequence[Told]) -> list[Told]:
    """The notifications with their messages as the owners of these alerts are shown them. Never save them.

    What was written after a duress PIN is left out; a message that an end would have stopped is shown stopped; one
    in flight goes on as it does, but is never tried again.
    """
    feigned = {alert.id: alert.feigned_end for alert in alerts if alert.duress_at is not None}
    events = _events([n.message_id for n, _ in told if n.alert_id in feigned])
    shown = (
        _shown(n, feigned[n.alert_id], events[n.message_id]) if n.alert_id in feigned else (n, moved_at)
        for n, moved_at in told
    )
    return [each for each in shown if each is not None]


def _events(message_ids: list[int]) -> defaultdict[int, list[MessageEvent]]:
    events: defaultdict[int, list[MessageEvent]] = defaultdict(list)
    if message_ids:
        for event in MessageEvent.objects.filter(message__in=message_ids).select_related("attempt").order_by("id"):
            events[event.message_id].append(event)
    return events


def _shown(told: Notification, feigned: FeignedEnd, events: list[MessageEvent]) -> Told | None:
    if str(told.message_id) not in feigned.states:
        return None
    state, code, moved_at = _state(feigned, State(feigned.states[str(told.message_id)]), events)
    shown = copy(told)
    shown.message = copy(told.message)
    shown.message.state, shown.message.error_code = state, code
    return shown, moved_at


def _state(feigned: FeignedEnd, state: State, events: list[MessageEvent]) -> tuple[State, str, datetime]:
    """State, error code and since when: the end's, then what became of a call that was open at the end."""
    before = [event for event in events if event.id <= feigned.last_event_id]
    after = [event for event in events if event.id > feigned.last_event_id]
    last = before[-1]
    was_stopped = state != last.state
    now = (state, "", feigned.at) if was_stopped else (state, last.error_code, last.at)
    if state is State.UNCONFIRMED:
        after = [e for e in after if e.attempt and e.attempt.started_at <= feigned.at and e.state in _AFTER_A_DOUBT]
    elif state in FINAL:
        return now
    for event in after:
        if event.state == State.QUEUED:
            # Past its deadline, which the end is, nothing is tried again.
            is_in_doubt = event.error_code == "no_evidence"
            return (State.UNCONFIRMED if is_in_doubt else State.EXPIRED), event.error_code, event.at
        now = (State(event.state), event.error_code, event.at)
    return now
