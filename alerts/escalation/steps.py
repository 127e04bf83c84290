"""What happens when nobody answers, and who answers first.

The steps of an alert are rows with a due time; whoever takes one locks its alert first, as an answer and an end do, so
that of a step, an answer and an end that meet exactly one comes first and the others see it.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import cast
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from alerts.contacts import notifying, texts
from alerts.models import (
    AlertEvent,
    AlertKind,
    AlertStatus,
    EscalationStep,
    EventKind,
    Notification,
    NotificationKind,
    SosAlert,
    StepKind,
    StepState,
)
from alerts.timeline import journal
from messaging.database import clock
from messaging.database.sql import rows
from messaging.models import Channel, MessageClass
from messaging.operations import alarms
from messaging.outbox import outgoing
from messaging.states import NOT_DELIVERED

log = structlog.get_logger(__name__)

# Tells the schedulers at commit that a step is due now; a lost notice costs a second.
CHANNEL = "alertme_steps"
# Alerts whose steps one transaction takes: it holds their rows for as long.
_BATCH = 50
# Steps that failed are tried again after this.
TRY_AGAIN_AFTER = timedelta(seconds=5)
# Nobody took a step for so long: what follows it is put off as well.
LATE = timedelta(seconds=30)

_CALLED_BY = {StepKind.CALL: NotificationKind.CALL, StepKind.SMS: NotificationKind.REMINDER}

# Only the contact's next call, and only if nobody is at it: an answer that holds the row makes it needless.
_HASTEN = """
WITH hastened AS (UPDATE alerts_escalationstep SET due_at = %(now)s WHERE id IN (
    SELECT s.id FROM alerts_escalationstep s
    JOIN alerts_notification n ON n.alert_id = s.alert_id AND n.contact_id = s.contact_id AND n.kind = 'sos'
    WHERE n.message_id = ANY(%(messages)s) AND s.kind = 'call' AND s.round = 0
        AND s.state = 'pending' AND s.due_at > %(now)s
    FOR UPDATE OF s SKIP LOCKED) RETURNING id)
SELECT pg_notify(%(channel)s, '') FROM hastened
"""
# Together, so that no phone rings twice at once and nobody is given up before they were called.
_PUT_OFF = """
UPDATE alerts_escalationstep s SET due_at = s.due_at + (%(due_by)s - late.since)
FROM (SELECT alert_id, min(due_at) AS since FROM alerts_escalationstep
    WHERE alert_id = ANY(%(alerts)s) AND state = 'pending' GROUP BY alert_id) late
WHERE s.alert_id = late.alert_id AND s.state = 'pending' AND late.since < %(due_by)s - %(unless_within)s
"""


def hasten(message_ids: Collection[int], *, now: datetime) -> None:
    """Call those at once whose SOS did not arrive."""
    rows(_HASTEN, {"messages": list(message_ids), "now": now, "channel": CHANNEL})


def take_steps(*, now: datetime) -> int:
    """Do what was due by `now`; returns the number of steps. Any number of callers share the work."""
    taken = 0
    while batch := _take_batch(due_by=now):
        taken += batch
    return taken


@transaction.atomic
def _take_batch(*, due_by: datetime) -> int:
    now = clock.lock_briefly()
    due = EscalationStep.objects.filter(state=StepState.PENDING, due_at__lte=due_by)
    late = SosAlert.objects.filter(id__in=due.order_by("due_at").values("alert_id")[: 10 * _BATCH])
    alerts = late.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("owner")[:_BATCH]
    by_id = {alert.id: alert for alert in alerts}
    if not by_id:
        return 0
    _put_off_together(by_id, due_by=due_by, unless_within=LATE)
    # Read after the locks: what an answer has skipped meanwhile is not due any more.
    steps = list(due.filter(alert_id__in=by_id).order_by("alert_id", "place"))
    EscalationStep.objects.filter(id__in=[step.id for step in steps]).update(state=StepState.DONE)
    for step in steps:
        step.alert = by_id[step.alert_id]
    _take_together(steps, now=now)
    return len(steps)


def _put_off_together(alert_ids: Iterable[UUID], *, due_by: datetime, unless_within: timedelta = timedelta()) -> None:
    """An alert whose first step is overdue by more goes on from there: the others come as long after it as ever."""
    rows(_PUT_OFF, {"alerts": list(alert_ids), "due_by": due_by, "unless_within": unless_within})


def _take_together(steps: Sequence[EscalationStep], *, now: datetime) -> None:
    """Those of all alerts or, when that fails, alert by alert: one whose steps fail holds up no other's."""
    try:
        with transaction.atomic():
            _take(steps, now=now)
    except Exception:
        log.exception("steps_not_taken_together", steps=len(steps))
        for theirs in _by_alert(steps):
            _take_or_put_off(theirs, now=now)


def _take_or_put_off(steps: Sequence[EscalationStep], *, now: datetime) -> None:
    try:
        with transaction.atomic():
            _take(steps, now=now)
    except Exception:
        log.exception("steps_not_taken", alert_id=str(steps[0].alert_id))
        failed = EscalationStep.objects.filter(id__in=[step.id for step in steps])
        failed.update(state=StepState.PENDING, due_at=now + TRY_AGAIN_AFTER)


def _take(steps: Sequence[EscalationStep], *, now: datetime) -> None:
    for kind in (StepKind.SMS, StepKind.CALL):
        if these := [step for step in steps if step.kind == kind]:
            _call(these, kind, now=now)
    if gives_up := [step.alert for step in steps if step.kind == StepKind.GIVE_UP]:
        _give_up(gives_up, now=now)


def _call(steps: Sequence[EscalationStep], kind: StepKind, *, now: datetime) -> None:
    called = [_notification(step, _CALLED_BY[kind]) for step in steps]
    if kind == StepKind.SMS:
        notifying.send_words(called, message_class=MessageClass.EMERGENCY, now=now)
    else:
        notifying.tell(
            called,
            compose=lambda told: texts.call(told.alert.owner, kind=AlertKind(told.alert.kind), language=told.language),
            channel=Channel.VOICE,
            message_class=MessageClass.EMERGENCY,
            now=now,
        )
    journal.record_all(_taken(theirs, kind, now=now) for theirs in _by_alert(steps))


def _taken(steps: Sequence[EscalationStep], kind: StepKind, *, now: datetime) -> AlertEvent:
    return journal.entry(
        steps[0].alert_id,
        EventKind.STEP_TAKEN,
        by=journal.SYSTEM,
        now=now,
        step=str(kind),
        round=steps[0].round,
        contacts=[str(step.contact_id) for step in steps],
    )


def _by_alert(steps: Sequence[EscalationStep]) -> list[list[EscalationStep]]:
    """Steps that are in the order of their alerts."""
    return [list(theirs) for _, theirs in groupby(steps, key=lambda step: step.alert_id)]


def _notification(step: EscalationStep, kind: NotificationKind) -> Notification:
    return Notification(
        alert=step.alert,
        contact_id=cast(UUID, step.contact_id),  # Only giving up has none.
        kind=kind,
        round=step.round,
        name=step.name,
        phone_number=step.phone_number,
        language=step.language,
    )


def _give_up(alerts: Sequence[SosAlert], *, now: datetime) -> None:
    """Nobody answered: the operator and the person learn of it. Contacts may still answer, the person may end it."""
    exhausted = [alert for alert in alerts if alert.status == AlertStatus.ACTIVE]
    ids = [alert.id for alert in exhausted]
    SosAlert.objects.filter(id__in=ids).update(status=AlertStatus.EXHAUSTED, updated_at=now)
    journal.record_all(journal.entry(each, EventKind.EXHAUSTED, by=journal.SYSTEM, now=now) for each in ids)
    for alert_id in ids:
        alarms.alarm("alert_exhausted", now=now, alert_id=str(alert_id))
    _tell_owners([(alert, texts.nobody_answered(alert.owner)) for alert in exhausted], now=now)


def tell_owner(alert: SosAlert, text: str, *, now: datetime) -> None:
    """An SMS to the person in danger; under duress none: somebody else may be reading."""
    _tell_owners([(alert, text)], now=now)


def _tell_owners(told: Iterable[tuple[SosAlert, str]], *, now: datetime) -> None:
    nudges = [
        outgoing.Outgoing(address=str(alert.owner.phone_number), text=text, message_class=MessageClass.SAFETY)
        for alert, text in told
        if alert.duress_at is None
    ]
    outgoing.queue(nudges, now=now)


def stop(alert: SosAlert, *, now: datetime, contact_id: UUID | None = None) -> None:
    """Skip what is still to be done, for one contact or for all, and cancel the calls and reminders nobody has begun.
    One in flight that fails is not tried again.

    The SOS itself is left alone: whoever has not had it yet shall know.
    """
    steps = EscalationStep.objects.filter(alert=alert, state=StepState.PENDING)
    called = Notification.objects.filter(alert=alert, kind__in=_CALLED_BY.values())
    if contact_id is not None:
        steps, called = steps.filter(contact_id=contact_id), called.filter(contact_id=contact_id)
    steps.update(state=StepState.SKIPPED)
    if cancelled := outgoing.cancel(list(called.values_list("message_id", flat=True)), now=now):
        _untake(alert, list(called.filter(message__in=cancelled)))


def _untake(alert: SosAlert, cancelled: Sequence[Notification]) -> None:
    """The steps of calls that were certainly not made are skipped, not done. Each gets another round: if it is taken
    after all, the cancelled call has the old one."""
    calls = {(call.contact_id, call.kind, call.round) for call in cancelled}
    steps = list(alert.steps.exclude(kind=StepKind.GIVE_UP).order_by("place"))
    untaken = [step for step in steps if (step.contact_id, _CALLED_BY[StepKind(step.kind)], step.round) in calls]
    for step in untaken:
        step.state = StepState.SKIPPED
        step.round = 1 + max(each.round for each in steps if each.contact_id == step.contact_id)
    EscalationStep.objects.bulk_update(untaken, ["state", "round"])


def resume(alert: SosAlert, *, now: datetime) -> None:
    """Nobody comes after all: go on where an answer had stopped it, at once with what is overdue. An alert that had
    been given up is given up again: else nobody would ever be called for it, nor for the next press, which joins it."""
    stopped = Q(state=StepState.SKIPPED) | Q(state=StepState.DONE, kind=StepKind.GIVE_UP)
    again = EscalationStep.objects.filter(stopped, alert=alert).exclude(
        contact_id__in=alert.answers.values("contact_id")
    )
    again.update(state=StepState.PENDING)
    _put_off_together([alert.id], due_by=now)
    lost = Notification.objects.filter(alert=alert, kind=NotificationKind.SOS, message__state__in=NOT_DELIVERED)
    hasten(list(lost.values_list("message_id", flat=True)), now=now)
