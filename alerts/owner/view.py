"""What the owner's devices are told of an alert. Whoever forced the owner to type the duress PIN may be reading, so
everything an owner asks goes through here: under duress each answer is that of an alert which ended then.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from alerts.models import AlertPosition, FeignedEnd, Notification, SosAlert
from messaging.models import MessageEvent
from messaging.states import FINAL, State

# A notification, and when its message last moved.
Told = tuple[Notification, datetime]

AFTER_A_DOUBT = (State.SENT, State.DELIVERED, State.UNDELIVERED)


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


def positions_of(alert: SosAlert) -> QuerySet[AlertPosition]:
    """Those that an alert which ended then would have taken."""
    ended_at = of(alert).ended_at
    return alert.positions.filter(at__lte=ended_at) if ended_at else alert.positions.all()


def messages_of(alerts: Iterable[SosAlert], told: Sequence[Told]) -> list[Told]:
    """The notifications with their messages as the owners of these alerts are shown them. Never save them.

    What was written after a duress PIN is left out; a message that an end would have stopped is shown stopped; one
    in flight goes on as it does, but is never tried again.
    """
    feigned = {alert.id: alert.feigned_end for alert in alerts if alert.duress_at is not None}
    events = events_of([n.message_id for n, _ in told if n.alert_id in feigned])
    shown = (
        _shown(n, feigned[n.alert_id], events[n.message_id]) if n.alert_id in feigned else (n, moved_at)
        for n, moved_at in told
    )
    return [each for each in shown if each is not None]


def events_of(message_ids: Collection[int]) -> defaultdict[int, list[MessageEvent]]:
    """The messages' moves with their attempts, in order."""
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
        after = [e for e in after if e.attempt and e.attempt.started_at <= feigned.at and e.state in AFTER_A_DOUBT]
    elif state in FINAL:
        return now
    for event in after:
        if event.state == State.QUEUED:
            given_up, at = instead_of_a_try(event)
            return given_up, event.error_code, at
        now = (State(event.state), event.error_code, event.at)
    return now


def instead_of_a_try(queued: MessageEvent) -> tuple[State, datetime]:
    """What an end makes of a message that comes back to be tried again: past its deadline, which the end is, nothing
    is. It takes the engine a moment, of another length each time."""
    moment = timedelta(microseconds=20_000 + queued.id * 7_919_777 % 400_000)
    return State.UNCONFIRMED if queued.error_code == "no_evidence" else State.EXPIRED, queued.at + moment
