"""The timeline as the owner's devices are told it: under duress that of an alert which ended then."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain as chain_of

from alerts.models import AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from alerts.owner import view
from alerts.timeline import chain, journal, sealing
from alerts.timeline.chain import Entry
from messaging.models import MessageEvent
from messaging.states import FINAL, State

_END = {AlertStatus.CANCELLED: EventKind.CANCELLED, AlertStatus.RESOLVED: EventKind.RESOLVED}
# What is done to an alert that has ended, by the owner's devices or by the operator.
_AFTER_AN_END = (
    EventKind.PIN_WRONG,
    EventKind.EVIDENCE_ADDED,
    EventKind.EVIDENCE_HELD,
    EventKind.EVIDENCE_RELEASED,
    EventKind.EVIDENCE_ERASED,
)


def shown(alert: SosAlert, *, now: datetime) -> list[Entry]:
    """In order, each with its hash. The pretended end only adds to what was shown before."""
    entries = sealing.whole(alert.id, now=now)
    if alert.duress_at is None:
        return entries
    place = _place_of_duress(entries, alert.duress_at)
    before, after = entries[:place], [entry for entry in entries[place:] if entry.kind != EventKind.DURESS]
    last = before[-1]
    return [*before, *chain.chained(_since(alert.feigned_end, after), seq=last.seq, before=last.hash)]


def _place_of_duress(entries: list[Entry], duress_at: datetime) -> int:
    """Also when that step is not there any more: whatever was done to the rows, the truth is not shown."""
    by_kind = (place for place, entry in enumerate(entries) if entry.kind == EventKind.DURESS)
    by_time = (place for place, entry in enumerate(entries) if entry.at > duress_at)
    return next(chain_of(by_kind, by_time), len(entries))


def _since(feigned: FeignedEnd, after: list[Entry]) -> list[Entry]:
    kind = _END[AlertStatus(feigned.status)]
    end = Entry(seq=0, at=feigned.at, kind=kind, by=journal.OWNER, data={}, hash="")
    calls = _Calls(feigned)
    return [end, *calls.stopped(), *(shown for entry in after for shown in _after_an_end(entry, calls))]


def _after_an_end(entry: Entry, calls: "_Calls") -> Iterator[Entry]:
    if entry.move is not None:
        yield from calls.gone_on(entry, entry.move)
    elif entry.kind in _AFTER_AN_END:
        yield entry


class _Calls:
    """What an end at that moment would have made of the SMS and calls: the same as owner_view.messages_of says."""

    def __init__(self, feigned: FeignedEnd) -> None:
        self._feigned = feigned
        self._states = {int(message_id): State(state) for message_id, state in feigned.states.items()}
        self._events = view.events_of(self._states)
        self._by_id = {event.id: event for events in self._events.values() for event in events}

    def stopped(self) -> list[Entry]:
        """The moves that the end would have made, in their order in a timeline."""
        told = self._feigned.alert.notifications.filter(message__in=self._states).select_related("message")
        by_message: dict[int, list[Notification]] = {}
        for each in told.defer("message__text").order_by("id"):
            by_message.setdefault(each.message_id, []).append(each)
        return [self._stop(these) for message_id, these in sorted(by_message.items()) if self._is_stopped(message_id)]

    def _is_stopped(self, message_id: int) -> bool:
        last = [event for event in self._events[message_id] if event.id <= self._feigned.last_event_id][-1]
        return self._states[message_id] != last.state

    def _stop(self, told: list[Notification]) -> Entry:
        data = {
            "contacts": [str(each.contact_id) for each in told],
            "about": told[0].kind,
            "round": told[0].round,
            "channel": told[0].message.channel,
            "state": str(self._states[told[0].message_id]),
            "code": "",
        }
        return Entry(seq=0, at=self._feigned.at, kind=EventKind.MESSAGE, by=journal.SYSTEM, data=data, hash="")

    def gone_on(self, entry: Entry, move: int) -> Iterator[Entry]:
        """A move that stands after the pretended end, if an ended alert has it too."""
        event = self._by_id.get(move)
        if event is None:
            return  # Of a message that was written after it.
        if move <= self._feigned.last_event_id:
            yield entry
            return
        state = self._states[event.message_id]
        if state is State.UNCONFIRMED:
            if self._is_of_an_open_call(event) and event.state in view.AFTER_A_DOUBT:
                yield entry
        elif state not in FINAL:
            yield entry
            if event.state == State.QUEUED:
                given_up, at = view.instead_of_a_try(event)
                yield replace(entry, at=at, data=entry.data | {"state": str(given_up), "code": ""})
                self._states[event.message_id] = State.CANCELLED  # What it does from now on is not shown.

    def _is_of_an_open_call(self, event: MessageEvent) -> bool:
        return event.attempt is not None and event.attempt.started_at <= self._feigned.at
