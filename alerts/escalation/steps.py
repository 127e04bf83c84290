"""Takes the steps of alerts that nobody answers: calls, reminders, and at last GIVE_UP, which alarms the operator.

Steps are rows with a due time. Taking a step, answering an alert and ending an alert all lock the alert's row first.
They therefore run one after another, and each sees the rows that the one before has written.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import cast
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from alerts.contacts import notifying, texts, untold
from alerts.escalation import signals
from alerts.models import (
    AlertEvent,
    AlertKind,
    AlertMove,
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

# NOTIFY on this channel tells the schedulers at commit that a step is due. A lost notice costs a second.
CHANNEL = "alertme_steps"
# Alerts in one transaction, which keeps their rows locked until it commits.
_BATCH = 50
# The delay before a failed step is taken again.
TRY_AGAIN_AFTER = timedelta(seconds=5)
# If an alert's first due step is overdue by more than this, all pending steps of the alert are shifted together.
LATE = timedelta(seconds=30)

_CALLED_BY = {StepKind.CALL: NotificationKind.CALL, StepKind.SMS: NotificationKind.REMINDER}

# Bring forward only the first call of each contact. Skip a locked row: an answer that holds it makes the call needless.
_HASTEN = """
WITH hastened AS (UPDATE alerts_escalationstep SET due_at = %(now)s WHERE id IN (
    SELECT s.id FROM alerts_escalationstep s
    JOIN alerts_notification n ON n.alert_id = s.alert_id AND n.contact_id = s.contact_id AND n.kind = 'sos'
    WHERE n.message_id = ANY(%(messages)s) AND s.kind = 'call' AND s.round = 0
        AND s.state = 'pending' AND s.due_at > %(now)s
    FOR UPDATE OF s SKIP LOCKED) RETURNING id)
SELECT pg_notify(%(channel)s, '') FROM hastened
"""
# Shift all pending steps of an alert together. The gaps stay, so no phone rings twice at once and the alert is not
# exhausted before the calls were made.
_PUT_OFF = """
UPDATE alerts_escalationstep s SET due_at = s.due_at + (%(due_by)s - late.since)
FROM (SELECT alert_id, min(due_at) AS since FROM alerts_escalationstep
    WHERE alert_id = ANY(%(alerts)s) AND state = 'pending' GROUP BY alert_id) late
WHERE s.alert_id = late.alert_id AND s.state = 'pending' AND late.since < %(due_by)s - %(unless_within)s
"""


def hasten(message_ids: Collection[int], *, now: datetime) -> None:
    """Make the first call to each contact of these messages due now, if it is still pending. The messages did not
    arrive; only first SMS among them count.
    """
    rows(_HASTEN, {"messages": list(message_ids), "now": now, "channel": CHANNEL})


def take_steps(*, now: datetime) -> int:
    """Take the pending steps that are due at `now`; return how many, with those that failed and were put off.

    Any number of processes may call this at once: alerts that another process has locked are skipped.
    """
    taken = 0
    while batch := _take_batch(due_by=now):
        taken += batch
    return taken


@transaction.atomic
def _take_batch(*, due_by: datetime) -> int:
    now = clock.set_short_timeouts()
    due = EscalationStep.objects.filter(state=StepState.PENDING, due_at__lte=due_by)
    late = SosAlert.objects.filter(id__in=due.order_by("due_at").values("alert_id")[: 10 * _BATCH])
    alerts = late.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("owner")[:_BATCH]
    by_id = {alert.id: alert for alert in alerts}
    if not by_id:
        return 0
    _put_off_together(by_id, due_by=due_by, unless_within=LATE)
    # Read the steps after locking: an answer may have skipped some meanwhile.
    steps = list(due.filter(alert_id__in=by_id).order_by("alert_id", "place"))
    EscalationStep.objects.filter(id__in=[step.id for step in steps]).update(state=StepState.DONE)
    for step in steps:
        step.alert = by_id[step.alert_id]
    _take_together(steps, now=now)
    return len(steps)


def _put_off_together(alert_ids: Iterable[UUID], *, due_by: datetime, unless_within: timedelta = timedelta()) -> None:
    """Shift all pending steps of an alert by the same time, so that the first is due at `due_by`. Alerts whose first
    pending step is not overdue by more than `unless_within` stay as they are.
    """
    rows(_PUT_OFF, {"alerts": list(alert_ids), "due_by": due_by, "unless_within": unless_within})


def _take_together(steps: Sequence[EscalationStep], *, now: datetime) -> None:
    """Take the steps of all alerts in one transaction or, if that fails, in one for each alert.

    If an alert fails again, its steps are due again after TRY_AGAIN_AFTER and do not hold up the other alerts.
    """
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
        notifying.queue_help_texts(called, message_class=MessageClass.EMERGENCY, now=now)
    else:
        notifying.queue_messages(
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
    """Group steps, which are ordered by alert, into one list for each alert."""
    return [list(theirs) for _, theirs in groupby(steps, key=lambda step: step.alert_id)]


def _notification(step: EscalationStep, kind: NotificationKind) -> Notification:
    return Notification(
        alert=step.alert,
        contact_id=cast(UUID, step.contact_id),  # Only the step GIVE_UP has no contact.
        kind=kind,
        round=step.round,
        name=step.name,
        phone_number=step.phone_number,
        language=step.language,
    )


def _give_up(alerts: Sequence[SosAlert], *, now: datetime) -> None:
    """Make the alerts among these that are still active exhausted. For each one that moved alarm the operator and,
    unless it is under duress, tell the owner by SMS.

    Contacts may still answer an exhausted alert, and its owner may end it.
    """
    exhausted = signals.ask_to_move(alerts, AlertMove.EXHAUST, now=now)
    for alert in exhausted:
        alarms.alarm("alert_exhausted", now=now, alert_id=str(alert.id))
    _tell_owners([(alert, texts.nobody_answered(alert.owner)) for alert in exhausted], now=now)


def tell_owner(alert: SosAlert, text: str, *, cause: UUID, now: datetime) -> None:
    """Queue an SMS to the owner about an answer of the contact `cause`.

    Under duress queue nothing: the coercer may be reading.
    """
    _tell_owners([(alert, text)], cause=cause, now=now)


def _tell_owners(told: Iterable[tuple[SosAlert, str]], *, cause: UUID | None = None, now: datetime) -> None:
    nudges = [
        outgoing.Outgoing(
            address=str(alert.owner.phone_number),
            text=text,
            message_class=MessageClass.SAFETY,
            on_behalf_of=str(cause or alert.owner_id),
        )
        for alert, text in told
        if alert.duress_at is None
    ]
    outgoing.queue(nudges, now=now)


def stop(alert: SosAlert, *, now: datetime, contact_id: UUID | None = None) -> None:
    """Skip the pending steps of this contact and cancel the contact's calls and reminders that no process has begun to
    send. Without `contact_id`, do so for all contacts, and skip GIVE_UP too.

    A call in flight that fails is not tried again. The first SMS stays queued: a contact who has not had it yet should
    still learn of the alert.
    """
    steps = EscalationStep.objects.filter(alert=alert, state=StepState.PENDING)
    called = Notification.objects.filter(alert=alert, kind__in=_CALLED_BY.values())
    if contact_id is not None:
        steps, called = steps.filter(contact_id=contact_id), called.filter(contact_id=contact_id)
    steps.update(state=StepState.SKIPPED)
    if cancelled := outgoing.cancel(list(called.values_list("message_id", flat=True)), now=now):
        _untake(alert, list(called.filter(message__in=cancelled)))


def _untake(alert: SosAlert, cancelled: Sequence[Notification]) -> None:
    """Mark the steps of these cancelled notifications as skipped instead of done: `resume` can make them pending again.

    Each step gets the next free round of its contact, because the cancelled notification keeps the old one.
    """
    calls = {(call.contact_id, call.kind, call.round) for call in cancelled}
    steps = list(alert.steps.exclude(kind=StepKind.GIVE_UP).order_by("place"))
    untaken = [step for step in steps if (step.contact_id, _CALLED_BY[StepKind(step.kind)], step.round) in calls]
    for step in untaken:
        step.state = StepState.SKIPPED
        step.round = 1 + max(each.round for each in steps if each.contact_id == step.contact_id)
    EscalationStep.objects.bulk_update(untaken, ["state", "round"])


def resume(alert: SosAlert, *, now: datetime) -> None:
    """Make skipped steps pending again, except the steps of contacts who answered or are not told of duress.

    If the first pending step is overdue, all are shifted so that the first is due now. The first call to a contact
    whose first SMS did not arrive is due now.

    A GIVE_UP step that is done becomes pending too, so the alert can be exhausted a second time. Without it the alert
    would stay active for ever, and the owner's next press would join it and call nobody.
    """
    stopped = Q(state=StepState.SKIPPED) | Q(state=StepState.DONE, kind=StepKind.GIVE_UP)
    again = EscalationStep.objects.filter(stopped, alert=alert).exclude(
        contact_id__in=alert.answers.values("contact_id")
    )
    again.exclude(contact_id__in=untold.of_alert(alert)).update(state=StepState.PENDING)
    _put_off_together([alert.id], due_by=now)
    lost = Notification.objects.filter(alert=alert, kind=NotificationKind.SOS, message__state__in=NOT_DELIVERED)
    hasten(list(lost.values_list("message_id", flat=True)), now=now)
