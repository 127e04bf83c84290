"""What happens when nobody answers, and who answers first.

The steps of an alert are rows with a due time; whoever takes one locks its alert first, as an answer and an end do, so
that of a step, an answer and an end that meet exactly one comes first and the others see it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import structlog
from django.db import transaction

from alerts import fanout, links, own_policy, policies, texts, timeline
from alerts.models import (
    AlertStatus,
    EscalationStep,
    EventKind,
    Notification,
    NotificationKind,
    SosAlert,
    StepKind,
    StepState,
)
from messaging import alarms, clock, outbox
from messaging.models import Channel, MessageClass
from messaging.sql import rows
from messaging.states import State

log = structlog.get_logger(__name__)

# Alerts whose steps one transaction takes: it holds their rows for as long.
_BATCH = 50
# Steps that failed are tried again after this.
TRY_AGAIN_AFTER = timedelta(seconds=5)

_CALLED_BY = {StepKind.CALL: NotificationKind.CALL, StepKind.SMS: NotificationKind.REMINDER}

# Only the contact's next call, and only if nobody is at it: an answer that holds the row makes it needless.
_HASTEN = """
UPDATE alerts_escalationstep SET due_at = %(now)s WHERE id IN (
    SELECT s.id FROM alerts_escalationstep s
    JOIN alerts_notification n ON n.alert_id = s.alert_id AND n.contact_id = s.contact_id AND n.kind = 'sos'
    WHERE n.message_id = ANY(%(messages)s) AND s.kind = 'call' AND s.round = 0
        AND s.state = 'pending' AND s.due_at > %(now)s
    FOR UPDATE OF s SKIP LOCKED)
"""


# Three steps for each contact, whose name and number are in their notification: the person waits for this too.
_PLAN = """
INSERT INTO alerts_escalationstep
    (alert_id, place, round, kind, contact_id, name, phone_number, language, due_at, state)
SELECT %(alert)s, s.place - 1, s.round, s.kind, n.contact_id, n.name, n.phone_number, n.language, s.due_at, %(state)s
FROM unnest(%(told)s::uuid[], %(rounds)s::int[], %(kinds)s::text[], %(dues)s::timestamptz[])
    WITH ORDINALITY AS s (told, round, kind, due_at, place) JOIN alerts_notification n ON n.id = s.told
UNION ALL
SELECT %(alert)s, %(last)s, 0, %(give_up)s, NULL, '', '', '', %(give_up_at)s, %(state)s
"""


def plan(alert: SosAlert, told: Sequence[Notification], *, now: datetime) -> None:
    """Write the steps of a new alert. Whose SMS was refused at once is called at once."""
    contact_ids = [notification.contact_id for notification in told]
    planned, give_up_after = policies.plan(own_policy.of(alert.owner_id, contact_ids), contact_ids)
    rows(
        _PLAN,
        {
            "alert": alert.id,
            "told": [told[step.contact].pk for step in planned],
            "rounds": [step.round for step in planned],
            "kinds": [str(step.kind) for step in planned],
            "dues": [now if _is_refused(told[step.contact], step) else now + step.after for step in planned],
            "last": len(planned),
            "give_up": str(StepKind.GIVE_UP),
            "give_up_at": now + give_up_after,
            "state": str(StepState.PENDING),
        },
    )


def hasten(message_ids: Collection[int], *, now: datetime) -> None:
    """Call those at once whose SOS did not arrive."""
    rows(_HASTEN, {"messages": list(message_ids), "now": now})


def take_steps(*, now: datetime) -> int:
    """Do what was due by `now`, alert by alert; returns the number of steps. Any number of callers share the work."""
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
    # Read after the locks: what an answer has skipped meanwhile is not due any more.
    steps = list(due.filter(alert_id__in=by_id).order_by("alert_id", "place"))
    EscalationStep.objects.filter(id__in=[step.id for step in steps]).update(state=StepState.DONE)
    for alert in by_id.values():
        _take_or_put_off(alert, [step for step in steps if step.alert_id == alert.id], now=now)
    return len(steps)


def _take_or_put_off(alert: SosAlert, steps: list[EscalationStep], *, now: datetime) -> None:
    """An alert whose steps fail holds up no other's, and is tried again."""
    try:
        with transaction.atomic():
            _take(alert, steps, now=now)
    except Exception:
        log.exception("steps_not_taken", alert_id=str(alert.id))
        failed = EscalationStep.objects.filter(id__in=[step.id for step in steps])
        failed.update(state=StepState.PENDING, due_at=now + TRY_AGAIN_AFTER)


def _take(alert: SosAlert, steps: list[EscalationStep], *, now: datetime) -> None:
    for kind in (StepKind.SMS, StepKind.CALL):
        if these := [step for step in steps if step.kind == kind]:
            _call(alert, these, kind, now=now)
    if any(step.kind == StepKind.GIVE_UP for step in steps):
        _give_up(alert, now=now)


def _call(alert: SosAlert, steps: list[EscalationStep], kind: StepKind, *, now: datetime) -> None:
    called = [_notification(step, _CALLED_BY[kind]) for step in steps]
    tokens = links.issue(alert_id=alert.id, contact_ids=[told.contact_id for told in called], now=now)

    def compose(told: Notification) -> str:
        if kind == StepKind.CALL:
            return texts.call(alert.owner, language=told.language)
        return fanout.words(alert)(alert.owner, language=told.language, link=links.address(tokens[told.contact_id]))

    fanout.tell(
        called,
        compose=compose,
        channel=Channel.VOICE if kind == StepKind.CALL else Channel.SMS,
        message_class=MessageClass.EMERGENCY,
        now=now,
    )
    timeline.record(
        alert.id,
        EventKind.STEP_TAKEN,
        by=timeline.SYSTEM,
        now=now,
        step=str(kind),
        round=steps[0].round,
        contacts=[str(step.contact_id) for step in steps],
    )


def _notification(step: EscalationStep, kind: NotificationKind) -> Notification:
    return Notification(
        alert_id=step.alert_id,
        contact_id=cast(UUID, step.contact_id),  # Only giving up has none.
        kind=kind,
        round=step.round,
        name=step.name,
        phone_number=step.phone_number,
        language=step.language,
    )


def _give_up(alert: SosAlert, *, now: datetime) -> None:
    """Nobody answered: the operator and the person learn of it. Contacts may still answer, the person may end it."""
    exhausted = SosAlert.objects.filter(id=alert.id, status=AlertStatus.ACTIVE)
    if not exhausted.update(status=AlertStatus.EXHAUSTED, updated_at=now):
        return
    timeline.record(alert.id, EventKind.EXHAUSTED, by=timeline.SYSTEM, now=now)
    alarms.alarm("alert_exhausted", now=now, alert_id=str(alert.id))
    tell_owner(alert, texts.nobody_answered(alert.owner), now=now)


def tell_owner(alert: SosAlert, text: str, *, now: datetime) -> None:
    """An SMS to the person in danger; under duress none: somebody else may be reading."""
    if alert.duress_at is not None:
        return
    nudge = outbox.Outgoing(address=str(alert.owner.phone_number), text=text, message_class=MessageClass.SAFETY)
    outbox.queue([nudge], now=now)


def stop(alert: SosAlert, *, now: datetime, contact_id: UUID | None = None) -> None:
    """Skip what is still to be done, for one contact or for all, and cancel the calls and reminders nobody has begun.

    The SOS itself is left alone: whoever has not had it yet shall know.
    """
    steps = EscalationStep.objects.filter(alert=alert, state=StepState.PENDING)
    called = Notification.objects.filter(alert=alert, kind__in=_CALLED_BY.values())
    if contact_id is not None:
        steps, called = steps.filter(contact_id=contact_id), called.filter(contact_id=contact_id)
    steps.update(state=StepState.SKIPPED)
    waiting = called.filter(message__state__in=(State.QUEUED, State.DISPATCHED))
    outbox.cancel(list(waiting.values_list("message_id", flat=True)), now=now)


def resume(alert: SosAlert, *, now: datetime) -> None:
    """Nobody comes after all: go on where an answer had stopped it, at once with what is overdue."""
    EscalationStep.objects.filter(alert=alert, state=StepState.SKIPPED).exclude(
        contact_id__in=alert.answers.values("contact_id")
    ).update(state=StepState.PENDING)


def _is_refused(told: Notification, step: policies.Planned) -> bool:
    return step.kind == StepKind.CALL and step.round == 0 and told.message.state == State.FAILED
