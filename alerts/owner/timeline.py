"""The timeline that the owner's devices show: under duress, as if the alert had ended when the duress PIN was typed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain as chain_of

from alerts.models import AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from alerts.owner import feigned
from alerts.owner.feigned import ShownMove
from alerts.timeline import chain, journal, sealing
from alerts.timeline.chain import Entry
from messaging import history

_END = {AlertStatus.CANCELLED: EventKind.CANCELLED, AlertStatus.RESOLVED: EventKind.RESOLVED}
# Events that may happen to an alert that has ended, by the owner's devices or by the operator.
_AFTER_AN_END = (
    EventKind.PIN_WRONG,
    EventKind.EVIDENCE_ADDED,
    EventKind.EVIDENCE_HELD,
    EventKind.EVIDENCE_RELEASED,
    EventKind.EVIDENCE_ERASED,
)


def shown(alert: SosAlert, *, now: datetime) -> list[Entry]:
    """The entries that the owner's devices show, in order, each with its hash.

    Entries that were shown before the pretended end stay as they are: the pretended end only adds entries after them.
    """
    entries = sealing.whole(alert.id, now=now)
    if alert.duress_at is None:
        return entries
    place = _place_of_duress(entries, alert.duress_at)
    before, after = entries[:place], [entry for entry in entries[place:] if entry.kind != EventKind.DURESS]
    last = before[-1]
    return [*before, *chain.chained(_since(alert.feigned_end, after), seq=last.seq, before=last.hash)]


def _place_of_duress(entries: list[Entry], duress_at: datetime) -> int:
    """The index of the first entry that the owner's devices do not show: the entry of the duress PIN.

    If that entry was deleted, it is the first entry after the time of the duress PIN.
    """
    by_kind = (place for place, entry in enumerate(entries) if entry.kind == EventKind.DURESS)
    by_time = (place for place, entry in enumerate(entries) if entry.at > duress_at)
    return next(chain_of(by_kind, by_time), len(entries))


def _since(end: FeignedEnd, after: list[Entry]) -> list[Entry]:
    """The entries to show from the pretended end on, instead of the real entries `after` it."""
    kind = _END[AlertStatus(end.status)]
    ended = Entry(seq=0, at=end.at, kind=kind, by=journal.OWNER, data={}, hash="")
    ids = [int(message_id) for message_id in end.states]
    moves = {message_id: feigned.shown_moves(end, made) for message_id, made in history.moves(ids).items()}
    by_id: defaultdict[int | None, list[ShownMove]] = defaultdict(list)
    for move in chain_of.from_iterable(moves.values()):
        by_id[move.move_id].append(move)
    shown = [entry for each in after for entry in _shown(each, by_id)]
    return [ended, *_stopped(end, moves), *shown]


def _stopped(end: FeignedEnd, moves: Mapping[int, Sequence[ShownMove]]) -> list[Entry]:
    """An entry for each move that only the pretended end made, in the order of the messages, as in a real timeline."""
    asked = end.alert.notifications.filter(message__in=moves).select_related("message").defer("message__text")
    by_message: defaultdict[int, list[Notification]] = defaultdict(list)
    for each in asked.order_by("message_id", "id"):
        by_message[each.message_id].append(each)
    return [
        _stop(theirs, move)
        for message_id, theirs in by_message.items()
        for move in moves[message_id]
        if move.move_id is None
    ]


def _stop(asked: Sequence[Notification], move: ShownMove) -> Entry:
    data = {
        "contacts": [str(each.contact_id) for each in asked],
        "about": asked[0].kind,
        "round": asked[0].round,
        "channel": asked[0].message.channel,
        "state": str(move.state),
        "code": move.error_code,
    }
    return Entry(seq=0, at=move.at, kind=EventKind.MESSAGE, by=journal.SYSTEM, data=data, hash="")


def _shown(entry: Entry, moves: Mapping[int | None, Sequence[ShownMove]]) -> Iterator[Entry]:
    """Yield what the owner's devices show of a real entry from after the pretended end: the entry, a changed one or
    nothing.

    `moves`: the shown moves by the id of the real move behind each.
    """
    if entry.move is None:
        if entry.kind in _AFTER_AN_END:
            yield entry
        return
    for move in moves.get(entry.move, ()):
        yield replace(entry, at=move.at, data=entry.data | {"state": str(move.state), "code": move.error_code})
