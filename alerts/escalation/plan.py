"""Writes the steps of an alert as rows with due times, from the owner's policy (policy.py, personal.py)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max

from alerts.contacts import presses
from alerts.escalation import personal, policy
from alerts.escalation.steps import CHANNEL
from alerts.models import AlertStatus, EscalationStep, Notification, SosAlert, StepKind, StepState
from messaging.database.sql import rows
from messaging.states import State

# One statement, since the press waits for it: three steps for each contact, with name and number from the notification.
_WRITE = """
WITH written AS (INSERT INTO alerts_escalationstep
    (alert_id, place, round, kind, contact_id, name, phone_number, language, due_at, state)
SELECT s.alert, s.place, s.round, s.kind, n.contact_id, coalesce(n.name, ''), coalesce(n.phone_number, ''),
    coalesce(n.language, ''), s.due_at, s.state
FROM unnest(%(alert)s::uuid[], %(place)s::int[], %(round)s::int[], %(kind)s::text[], %(told)s::uuid[],
    %(due_at)s::timestamptz[], %(state)s::text[]) AS s (alert, place, round, kind, told, due_at, state)
LEFT JOIN alerts_notification n ON n.id = s.told
RETURNING due_at)
SELECT pg_notify(%(channel)s, '') FROM written WHERE due_at <= %(now)s LIMIT 1
"""
# Put off a GIVE_UP step that is done, too: `steps.resume` may make it pending again.
_PUT_OFF_GIVING_UP = """
UPDATE alerts_escalationstep s SET due_at = greatest(s.due_at, w.due_at)
FROM unnest(%(alert)s::uuid[], %(due_at)s::timestamptz[]) AS w (alert, due_at)
WHERE s.alert_id = w.alert AND s.kind = %(kind)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """A step that is not stored yet. `told`: the id of the notification of its contact's first SMS; None: GIVE_UP."""

    alert: UUID
    place: int
    round: int
    kind: str
    told: UUID | None
    due_at: datetime
    state: str


def write(alerts: Sequence[SosAlert], told: Sequence[Notification], *, now: datetime) -> None:
    """Write the plan of each new alert: steps for its contacts, and the GIVE_UP step.

    `told` are the notifications with the first SMS; contacts whose SMS was withheld get no steps. If the outbox refused
    the first SMS, the contact's first call is due after `presses.wait`, which is normally zero.

    A contact who is not confirmed gets only the first call, FIRST_CALL_AFTER after `now` at the earliest. The same
    holds for every contact of an alert that is not whole (`presses.is_whole`).
    """
    if not alerts:
        return
    steps: list[_Step] = []
    for each in _plans(alerts, told):
        steps += each.steps(now=now)
        steps.append(each.giving_up(now=now))
    _write(steps, now=now)


def write_more(alerts: Sequence[SosAlert], told: Sequence[Notification], *, now: datetime) -> None:
    """Add steps for contacts whom an open alert asks for help only now, and put off its GIVE_UP step until after them.

    In an acknowledged alert the new steps are written as skipped; `steps.resume` makes them pending, like the others.
    """
    told_of = {notification.alert_id for notification in told}
    later = [alert for alert in alerts if alert.id in told_of]
    if not later:
        return
    more = _plans(later, told)
    last = EscalationStep.objects.filter(alert__in=later).order_by().values_list("alert_id").annotate(Max("place"))
    places = dict(last)
    _write(
        [step for each in more for step in each.steps(now=now, first_place=places.get(each.alert.id, -1) + 1)], now=now
    )
    ends = [each.giving_up(now=now) for each in more]
    columns = {"alert": [end.alert for end in ends], "due_at": [end.due_at for end in ends]}
    rows(_PUT_OFF_GIVING_UP, columns | {"kind": str(StepKind.GIVE_UP)})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    alert: SosAlert
    told: Sequence[Notification]
    planned: Sequence[policy.Planned]
    give_up_after: timedelta

    def steps(self, *, now: datetime, first_place: int = 0) -> list[_Step]:
        is_answered = self.alert.status == AlertStatus.ACKNOWLEDGED
        return [
            _Step(
                alert=self.alert.id,
                place=place,
                round=step.round,
                kind=str(step.kind),
                told=self.told[step.contact].pk,
                due_at=self._due_at(step, now=now),
                state=str(StepState.SKIPPED if is_answered else StepState.PENDING),
            )
            for place, step in enumerate(self.planned, start=first_place)
            if self._is_whole(step) or _is_first_call(step)
        ]

    def _is_whole(self, step: policy.Planned) -> bool:
        return presses.is_whole(self.alert) and self.told[step.contact].is_confirmed

    def _due_at(self, step: policy.Planned, *, now: datetime) -> datetime:
        if _is_refused(self.told[step.contact], step):
            return now + presses.wait(self.alert)
        return now + (step.after if self._is_whole(step) else max(step.after, policy.FIRST_CALL_AFTER))

    def giving_up(self, *, now: datetime) -> _Step:
        return _Step(
            alert=self.alert.id,
            place=len(self.planned),
            round=0,
            kind=str(StepKind.GIVE_UP),
            told=None,
            due_at=now + self.give_up_after,
            state=str(StepState.PENDING),
        )


def _plans(alerts: Sequence[SosAlert], told: Sequence[Notification]) -> list[_Plan]:
    theirs: defaultdict[UUID, list[Notification]] = defaultdict(list)
    for notification in told:
        if notification.message.error_code != presses.WITHHELD:
            theirs[notification.alert_id].append(notification)
    contact_ids = {alert.owner_id: [each.contact_id for each in theirs[alert.id]] for alert in alerts}
    own = personal.policies_of(contact_ids, is_silent=any(alert.is_silent for alert in alerts))
    plans = []
    for alert in alerts:
        planned, give_up_after = policy.planned(own[alert.owner_id], contact_ids[alert.owner_id])
        plans.append(_Plan(alert=alert, told=theirs[alert.id], planned=planned, give_up_after=give_up_after))
    return plans


def _is_refused(told: Notification, step: policy.Planned) -> bool:
    return _is_first_call(step) and told.message.state == State.FAILED


def _is_first_call(step: policy.Planned) -> bool:
    return step.kind == StepKind.CALL and step.round == 0


def _write(steps: Sequence[_Step], *, now: datetime) -> None:
    columns = {name: [getattr(step, name) for step in steps] for name in _Step.__slots__}
    rows(_WRITE, columns | {"channel": CHANNEL, "now": now})
