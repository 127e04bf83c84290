"""The timeline that the owner's devices show: under duress, as if the alert had ended when the duress PIN was typed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain as chain_of

from alerts.models import AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from alerts.owner import feigned, view
from alerts.owner.feigned import ShownMove
from alerts.timeline import chain, journal, sealing
from alerts.timeline.chain import Entry
from messaging import history

_END = {AlertStatus.CANCELLED: EventKind.CANCELLED, AlertStatus.RESOLVED: EventKind.RESOLVED}
# The entries that either PIN leaves.
_THE_END = (EventKind.DURESS, *_END.values())
# Events that may happen to an alert that has ended, by the owner's devices or by the operator.
_AFTER_AN_END = (
    EventKind.PIN_WRONG,
    EventKind.EVIDENCE_ADDED,
    EventKind.EVIDENCE_HELD,
    EventKind.EVIDENCE_RELEASED,
    EventKind.EVIDENCE_ERASED,
)


def shown(alert: SosAlert, *, now: datetime) -> list[Entry]:
    """The entries to show of this alert, in order, each with its hash.

    Under duress, entries from before the duress PIN stay as they were; all later ones are those of an ended alert.
    """
    entries, end = sealing.whole(alert.id, now=now), view.snapshot(alert)
    if end is None:
        return entries
    # Computed after a real end too, so that its duration does not tell which end it was.
    ended = _as_if_ended(end, entries, now=now)
    return entries if alert.duress_at is None else ended


def _as_if_ended(end: FeignedEnd, entries: list[Entry], *, now: datetime) -> list[Entry]:
    place = _place_of_end(entries, end)
    before, after = entries[:place], [entry for entry in entries[place:] if entry.kind not in _THE_END]
    seq, head = (before[-1].seq, before[-1].hash) if before else (0, chain.START)
    return [*before, *chain.chained(_since(end, after, now=now), seq=seq, before=head)]


def _place_of_end(entries: list[Entry], end: FeignedEnd) -> int:
    """The index of the entry that the duress PIN or the safe PIN left: entries from there on are not shown as they are.

    If somebody has deleted that entry, the index of the first entry that is later than the snapshot.
    """
    by_kind = (place for place, entry in enumerate(entries) if entry.kind in _THE_END and entry.at >= end.at)
    by_time = (place for place, entry in enumerate(entries) if entry.at > end.at)
    return next(chain_of(by_kind, by_time), len(entries))


def _since(end: FeignedEnd, after: list[Entry], *, now: datetime) -> list[Entry]:
    """The entries to show from the pretended end on, not yet in the chain: the end itself, messages that it stopped,
    and what is shown of `after`, the real entries after it.
    """
    kind = _END[AlertStatus(end.status)]
    ended = Entry(seq=0, at=end.at, kind=kind, by=journal.OWNER, data={}, hash="")
    ids = [int(message_id) for message_id in end.states]
    moves = {message_id: feigned.shown_moves(end, made, now=now) for message_id, made in history.moves(ids).items()}
    by_id = {move.move_id: move for move in chain_of.from_iterable(moves.values()) if move.move_id is not None}
    shown = [entry for each in after for entry in _shown(each, by_id)]
    stopped = _only_pretended(end, moves)
    given_up = [entry for entry in stopped if entry.at > end.at]
    return [ended, *(entry for entry in stopped if entry.at == end.at), *_inserted(given_up, shown)]


def _inserted(given_up: list[Entry], shown: list[Entry]) -> list[Entry]:
    """The entries of `shown` in their order, with each entry of `given_up` put before the first later one."""
    entries = list(shown)
    for each in sorted(given_up, key=lambda entry: entry.at):
        place = next((place for place, entry in enumerate(entries) if entry.at > each.at), len(entries))
        entries.insert(place, each)
    return entries


def _only_pretended(end: FeignedEnd, moves: Mapping[int, Sequence[ShownMove]]) -> list[Entry]:
    """The entries of the shown moves that have no real move behind them, in the order of their messages' ids, as in the
    timeline of an alert that really ended.
    """
    asked = end.alert.notifications.filter(message__in=moves).select_related("message").defer("message__text")
    by_message: defaultdict[int, list[Notification]] = defaultdict(list)
    for each in asked.order_by("message_id", "id"):
        by_message[each.message_id].append(each)
    return [
        _entry(theirs, move)
        for message_id, theirs in by_message.items()
        for move in moves[message_id]
        if move.move_id is None
    ]


def _entry(asked: Sequence[Notification], move: ShownMove) -> Entry:
    data = {
        "contacts": [str(each.contact_id) for each in asked],
        "about": asked[0].kind,
        "round": asked[0].round,
        "channel": asked[0].message.channel,
        "state": str(move.state),
        "code": move.error_code,
    }
    return Entry(seq=0, at=move.at, kind=EventKind.MESSAGE, by=journal.SYSTEM, data=data, hash="")


def _shown(entry: Entry, moves: Mapping[int, ShownMove]) -> Iterator[Entry]:
    """Yield a real entry from after the pretended end as an ended alert shows it: as it is, changed, or not at all.

    `moves`: the shown moves, by the id of the real move behind each.
    """
    if entry.move is None:
        if entry.kind in _AFTER_AN_END:
            yield entry
    elif move := moves.get(entry.move):
        yield replace(entry, at=move.at, data=entry.data | {"state": str(move.state), "code": move.error_code})
