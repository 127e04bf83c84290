"""Sealing: soon after they happened, an alert's steps and the moves of its messages get their places in its chain.

Nobody who presses SOS or sends an SMS waits for it. What is sealed the database refuses to change; what was changed
behind its back no longer fits the hashes.
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
from messaging.database.sql import rows
from messaging.operations import alarms
from messaging.states import State

# Alerts in one transaction, and transactions in one call.
STEP = 200
_STEPS = 10
# An alert is looked at again after half the time in which nothing happened to it, within these; then no more: what
# comes later is sealed when somebody reads the timeline.
_SOONEST, _LATEST = timedelta(seconds=5), timedelta(hours=6)
_OVER_AFTER = timedelta(days=2)
# What says something to a person.
_TOLD = [str(state) for state in State if state not in (State.DISPATCHED, State.SENDING, State.UNKNOWN)]

# Back to `queued` from `dispatched` is the engine's own affair: a slot was missed. A message may be of several
# contacts: one phone is told once.
_COPY_MOVES = """
INSERT INTO alerts_alertevent (alert_id, kind, by, at, data, message_event_id)
SELECT n.alert_id, %(kind)s, 'system', e.at, jsonb_build_object('contacts', jsonb_agg(n.contact_id ORDER BY n.id),
    'about', min(n.kind), 'round', min(n.round), 'channel', m.channel, 'state', e.state, 'code', e.error_code), e.id
FROM alerts_notification n
JOIN messaging_message m ON m.id = n.message_id
JOIN messaging_messageevent e ON e.message_id = m.id
WHERE n.alert_id = ANY(%(alerts)s) AND n.kind = ANY(%(calling)s) AND e.state = ANY(%(told)s)
    AND (e.state <> 'queued' OR 'dispatched' IS DISTINCT FROM (SELECT b.state FROM messaging_messageevent b
        WHERE b.message_id = e.message_id AND b.id < e.id ORDER BY b.id DESC LIMIT 1))
    AND NOT EXISTS (SELECT FROM alerts_alertevent t WHERE t.alert_id = n.alert_id AND t.message_event_id = e.id)
GROUP BY n.alert_id, e.id, m.channel
ORDER BY e.at, e.message_id, e.id
"""
_SEAL = """
UPDATE alerts_alertevent e SET seq = s.seq, hash = s.hash
FROM unnest(%(ids)s::bigint[], %(seqs)s::int[], %(hashes)s::text[]) AS s (id, seq, hash) WHERE e.id = s.id
"""


def seal_due(*, now: datetime) -> int:
    """Seal what waits, as much as one call may; returns how many steps that were. Any number of callers share it."""
    sealed = 0
    for _ in range(_STEPS):
        if not (alert_ids := _due(now=now)):
            break
        sealed += seal(alert_ids, now=now, is_waiting=False)
    return sealed


def _due(*, now: datetime) -> list[UUID]:
    waiting = AlertEvent.objects.filter(seq=None).order_by("id").values_list("alert_id", flat=True)[:STEP]
    due = TimelineSeal.objects.filter(due_at__lte=now).order_by("due_at").values_list("alert_id", flat=True)[:STEP]
    return list(dict.fromkeys([*waiting, *due]))[:STEP]


@transaction.atomic
def seal(alert_ids: Collection[UUID], *, now: datetime, is_waiting: bool = True) -> int:
    """Seal everything that has happened to these alerts; returns how many steps that were.

    Without `is_waiting` an alert that somebody else seals at this moment is left to them.
    """
    # In one order: two who insert the same ones wait for each other and never both ways.
    fresh = [TimelineSeal(alert_id=each) for each in sorted(alert_ids)]
    TimelineSeal.objects.bulk_create(fresh, ignore_conflicts=True)
    own = TimelineSeal.objects.filter(alert__in=alert_ids).order_by("alert_id")
    seals = {seal.alert_id: seal for seal in own.select_for_update(skip_locked=not is_waiting)}
    # From here on each statement sees all that was committed before the locks: the chain cannot fork.
    _copy_moves(seals)
    steps = AlertEvent.objects.filter(alert__in=seals, seq=None)
    steps = steps.order_by("alert_id", "at", IsNull(F("message_event_id"), False), "id")
    sealed: list[tuple[int, chain.Entry]] = []
    new = {alert_id: list(of_alert) for alert_id, of_alert in groupby(steps, key=lambda step: step.alert_id)}
    for alert_id, of_alert in new.items():
        sealed += _appended(seals[alert_id], of_alert)
    _write(sealed)
    # Whoever polls a timeline in which nothing happens writes nothing.
    _save([each for each in seals.values() if each.alert_id in new or (each.due_at and each.due_at <= now)], now=now)
    return len(sealed)


def _copy_moves(alert_ids: Collection[UUID]) -> None:
    calling = [str(kind) for kind in CALLING]
    parameters = {"kind": str(EventKind.MESSAGE), "alerts": list(alert_ids), "calling": calling, "told": _TOLD}
    rows(_COPY_MOVES, parameters)


def _appended(seal: TimelineSeal, steps: list[AlertEvent]) -> list[tuple[int, chain.Entry]]:
    """The steps' ids with the entries that they become."""
    entries = chain.chained(steps, seq=seal.entries, before=seal.head or chain.START)
    seal.entries, seal.head = entries[-1].seq, entries[-1].hash
    return [(step.id, entry) for step, entry in zip(steps, entries, strict=True)]


def _write(sealed: list[tuple[int, chain.Entry]]) -> None:
    if not sealed:
        return
    ids = [step_id for step_id, _ in sealed]
    entries = [entry for _, entry in sealed]
    rows(_SEAL, {"ids": ids, "seqs": [each.seq for each in entries], "hashes": [each.hash for each in entries]})


def _save(seals: list[TimelineSeal], *, now: datetime) -> None:
    """With when to look at each again."""
    alerts = [each.alert_id for each in seals]
    last = dict(AlertEvent.objects.filter(alert__in=alerts).values_list("alert_id").annotate(last=Max("at")))
    for each in seals:
        silence = now - last[each.alert_id]
        is_over = silence > _OVER_AFTER
        each.due_at = None if is_over else now + min(max(silence / 2, _SOONEST), _LATEST)
    TimelineSeal.objects.bulk_update(seals, ["entries", "head", "due_at"])


def whole(alert_id: UUID, *, now: datetime) -> list[chain.Entry]:
    """The alert's timeline, in order, with what was not sealed yet.

    One that is not what was sealed is returned as it stands, and the operator is alarmed.
    """
    seal([alert_id], now=now)
    entries = entries_of(alert_id)
    if broken := broken_at(alert_id, entries):
        alarms.alarm("timeline_altered", now=now, alert_id=str(alert_id), entry=broken)
    return entries


def entries_of(alert_id: UUID) -> list[chain.Entry]:
    """What is sealed, with the places and hashes that it was given."""
    sealed = AlertEvent.objects.filter(alert=alert_id, seq__isnull=False).order_by("seq")
    return [
        chain.Entry(
            seq=step.seq,
            at=step.at,
            kind=step.kind,
            by=step.by,
            data=step.data,
            hash=step.hash,
            move=step.message_event_id,
        )
        for step in sealed
        if step.seq is not None
    ]


def broken_at(alert_id: UUID, entries: list[chain.Entry]) -> int | None:
    """The place of the first entry that is not what was sealed, or is not there any more; None: all are."""
    broken = chain.first_break(entries)
    head = TimelineSeal.objects.filter(alert=alert_id).values_list("head", flat=True).first()
    if broken is None and (head or chain.START) != chain.head(entries):
        return len(entries) + 1
    return broken
