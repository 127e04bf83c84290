"""The results of the story as lines of a table: times from the story, and who sent the SMS from the database."""

from collections import Counter

from alerts.models import NotificationKind
from config.demo.story import Outcome
from messaging.models import Attempt, AttemptOutcome, Deliverer, MessageEvent
from messaging.states import State


def lines(outcome: Outcome) -> list[str]:
    of_sos = {"message__notification__alert_id": outcome.alert_id, "message__notification__kind": NotificationKind.SOS}
    # An attempt that was given up because its slot had passed sent nothing.
    sent = Attempt.objects.filter(**of_sos).exclude(outcome=AttemptOutcome.NOT_CREATED)
    senders = Counter(sent.values_list("by", flat=True))
    delivered = Counter(
        MessageEvent.objects.filter(**of_sos, state=State.DELIVERED).values_list("by", flat=True),
    )
    every = f"of {outcome.contacts}"
    rows = [
        ("SOS answered", f"{outcome.accepted_ms} ms after the press"),
        ("SMS arrived", f"{len(outcome.sms_ms)} {every} phones, none twice"),
        ("first, last SMS", f"{outcome.sms_ms[0]} ms, {outcome.sms_ms[-1]} ms after the press"),
        ("delivered", f"{delivered[Deliverer.CALLBACK]} {every} by signed callback, the last after"
         f" {outcome.delivered_ms[-1]} ms"),
        ("sent by", f"worker {senders[Deliverer.WORKER]}, scheduler {senders[Deliverer.SCHEDULER]}"),
        ("all-clear", f"{len(outcome.all_clear_ms)} {every} phones, the last {outcome.all_clear_ms[-1]} ms"
         " after she was safe"),
    ]  # fmt: skip
    return [f"  {label:<16} {value}" for label, value in rows]
