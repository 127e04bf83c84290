"""Sealing: soon after an alert's events and its messages' moves happened, their entries get a number and a hash in the
chain. The entries about moves of messages are written here too.

Pressing SOS and sending an SMS never wait for the sealing. The database refuses to change a sealed entry. If somebody
switches that refusal off and changes an entry, the entry no longer fits its hash.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max
from django.db.models.lookups import IsNull

from alerts.models import CALLING, AlertEvent, EventKind, TimelineSeal
from alerts.timeline import chain
from messaging import history
from messaging.database.sql import rows
from messaging.operations import alarms

# Alerts in one transaction, and transactions in one call.
BATCH = 200
_BATCHES = 10
# The next check of an alert comes after half the time in which nothing happened to it, within these bounds. When
# nothing has happened for _OVER_AFTER, the checks end. Later events are sealed when somebody reads the timeline.
_SOONEST, _LATEST = timedelta(seconds=5), timedelta(hours=6)
_OVER_AFTER = timedelta(days=2)

# One message may reach several contacts: a phone number that several of them share gets one message.
_COPY_MOVES = f"""
INSERT INTO alerts_alertevent (alert_id, kind, by, at, data, message_event_id)
SELECT n.alert_id, %(kind)s, 'system', e.at, jsonb_build_object('contacts', jsonb_agg(n.contact_id ORDER BY n.id),
    'about', min(n.kind), 'round', min(n.round), 'channel', e.channel, 'state', e.state, 'code', e.error_code), e.id
FROM alerts_notification n
JOIN {history.NEWS} e ON e.message_id = n.message_id
WHERE n.alert_id = ANY(%(alerts)s) AND n.kind = ANY(%(calling)s)
    AND NOT EXISTS (SELECT FROM alerts_alertevent t WHERE t.alert_id = n.alert_id AND t.message_event_id = e.id)
GROUP BY n.alert_id, e.id, e.message_id, e.channel, e.state, e.error_code, e.at
ORDER BY e.at, e.message_id, e.id
"""  # noqa: S608 of constants
_SEAL = """
UPDATE alerts_alertevent e SET seq = s.seq, hash = s.hash
FROM unnest(%(ids)s::bigint[], %(seqs)s::int[], %(hashes)s::text[]) AS s (id, seq, hash) WHERE e.id = s.id
"""


def seal_due(*, now: datetime) -> int:
    """Seal the timelines that have unsealed entries, or whose next check is due; return the number of entries sealed.

    One call does at most _BATCHES times BATCH timelines. Any number of processes may call this at once: a timeline that
    another process is sealing is skipped.
    """
    sealed = 0
    for _ in range(_BATCHES):
        if not (alert_ids := _due(now=now)):
            break
        sealed += seal(alert_ids, now=now, is_waiting=False)
    return sealed


def _due(*, now: datetime) -> list[UUID]:
    unsealed = AlertEvent.objects.filter(seq=None).order_by("id").values_list("alert_id", flat=True)[:BATCH]
    due = TimelineSeal.objects.filter(due_at__lte=now).order_by("due_at").values_list("alert_id", flat=True)[:BATCH]
    return list(dict.fromkeys([*unsealed, *due]))[:BATCH]


@transaction.atomic
def seal(alert_ids: Collection[UUID], *, now: datetime, is_waiting: bool = True) -> int:
    """Write the entries of the messages' moves that have none yet, and seal all entries of these alerts. Return the
    number of entries sealed.

    Waits for other processes that are sealing one of these alerts or, with `is_waiting=False`, skips such an alert.
    """
    # Insert in one order: two callers with the same alerts then wait for each other and never deadlock.
    fresh = [TimelineSeal(alert_id=each) for each in sorted(alert_ids)]
    TimelineSeal.objects.bulk_create(fresh, ignore_conflicts=True)
    own = TimelineSeal.objects.filter(alert__in=alert_ids).order_by("alert_id")
    seals = {seal.alert_id: seal for seal in own.select_for_update(skip_locked=not is_waiting)}
    # From here on each statement sees all that was committed before the locks: the chain cannot fork.
    _copy_moves(seals)
    unsealed = AlertEvent.objects.filter(alert__in=seals, seq=None)
    unsealed = unsealed.order_by("alert_id", "at", IsNull(F("message_event_id"), False), "id")
    sealed: list[tuple[int, chain.Entry]] = []
    new = {alert_id: list(of_alert) for alert_id, of_alert in groupby(unsealed, key=lambda event: event.alert_id)}
    for alert_id, of_alert in new.items():
        sealed += _appended(seals[alert_id], of_alert)
    _write(sealed)
    # Polling a timeline in which nothing happens writes nothing.
    _save([each for each in seals.values() if each.alert_id in new or (each.due_at and each.due_at <= now)], now=now)
    return len(sealed)


def _copy_moves(alert_ids: Collection[UUID]) -> None:
    calling = [str(kind) for kind in CALLING]
    rows(_COPY_MOVES, {"kind": str(EventKind.MESSAGE), "alerts": list(alert_ids), "calling": calling})


def _appended(seal: TimelineSeal, events: list[AlertEvent]) -> list[tuple[int, chain.Entry]]:
    """Continue the chain with these events, in `seal` too. Return the id of each event's row with its entry.

    Nothing is written to the database.
    """
    entries = chain.chained(events, seq=seal.entries, before=seal.head or chain.START)
    seal.entries, seal.head = entries[-1].seq, entries[-1].hash
    return [(event.id, entry) for event, entry in zip(events, entries, strict=True)]


def _write(sealed: list[tuple[int, chain.Entry]]) -> None:
    if not sealed:
        return
    ids = [event_id for event_id, _ in sealed]
    entries = [entry for _, entry in sealed]
    rows(_SEAL, {"ids": ids, "seqs": [each.seq for each in entries], "hashes": [each.hash for each in entries]})


def _save(seals: list[TimelineSeal], *, now: datetime) -> None:
    """Store the seals, each with the time at which to look for new events of its alert again."""
    alerts = [each.alert_id for each in seals]
    last = dict(AlertEvent.objects.filter(alert__in=alerts).values_list("alert_id").annotate(last=Max("at")))
    for each in seals:
        silence = now - last[each.alert_id]
        is_over = silence > _OVER_AFTER
        each.due_at = None if is_over else now + min(max(silence / 2, _SOONEST), _LATEST)
    TimelineSeal.objects.bulk_update(seals, ["entries", "head", "due_at"])


def whole(alert_id: UUID, *, now: datetime) -> list[chain.Entry]:
    """The alert's whole timeline, in order; unsealed events are sealed first.

    A timeline that differs from its seal is returned as it stands, and the operator is alarmed.
    """
    seal([alert_id], now=now)
    entries = entries_of(alert_id)
    if broken := broken_at(alert_id, entries):
        alarms.alarm("timeline_altered", now=now, alert_id=str(alert_id), entry=broken)
    return entries


def entries_of(alert_id: UUID) -> list[chain.Entry]:
    """The sealed entries of an alert, with the places and hashes that they were given."""
    sealed = AlertEvent.objects.filter(alert=alert_id, seq__isnull=False).order_by("seq")
    return [
        chain.Entry(
            seq=event.seq,
            at=event.at,
            kind=event.kind,
            by=event.by,
            data=event.data,
            hash=event.hash,
            move=event.message_event_id,
        )
        for event in sealed
        if event.seq is not None
    ]


def broken_at(alert_id: UUID, entries: list[chain.Entry]) -> int | None:
    """The number of the first entry that was changed or removed since its sealing; None: every entry is unchanged.

    If the last entries were removed, it is the number of the first one that is missing.
    """
    broken = chain.first_break(entries)
    head = TimelineSeal.objects.filter(alert=alert_id).values_list("head", flat=True).first()
    if broken is None and (head or chain.START) != chain.head(entries):
        return len(entries) + 1
    return broken
