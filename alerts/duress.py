"""The duress PIN: the alert goes on, those who were called learn of it, the owner's devices hear that it ended."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from alerts import fanout, lifecycle, timeline
from alerts.models import CALLING, ENDED, AlertStatus, EventKind, FeignedEnd, Notification, SosAlert
from identity.models import User
from messaging.models import Message, MessageEvent


def feign_end(*, alert_id: UUID, owner: User, to: AlertStatus, now: datetime) -> SosAlert:
    """Answer as `lifecycle.end` would, while the alert goes on under duress. Call inside a transaction.

    Raises what `lifecycle.end` raises. An alert that has ended cannot go on.
    """
    alert = SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
    if alert.status in ENDED:
        return lifecycle.end(alert_id=alert_id, owner=owner, to=to, now=now)
    called = Notification.objects.filter(alert=alert, kind__in=CALLING).values("message_id")
    # Locked, so that each of their events is either before the end or after it.
    messages = Message.objects.filter(id__in=called).order_by("id").select_for_update(no_key=True)
    ids = list(messages.values_list("id", flat=True))
    states = _states_after_end(ids, alert_id=alert.id, owner=owner, to=to, now=now)
    last = MessageEvent.objects.filter(message__in=ids).aggregate(last=Max("id"))["last"] or 0
    FeignedEnd.objects.create(alert=alert, status=to, at=now, states=states, last_event_id=last)
    alert.duress_at = now
    alert.save(update_fields=["duress_at"])
    timeline.record(alert.id, EventKind.DURESS, by=timeline.OWNER, now=now, shown_as=to)
    fanout.warn_of_duress(alert, owner, now=now)
    return alert


def _states_after_end(
    message_ids: list[int], *, alert_id: UUID, owner: User, to: AlertStatus, now: datetime
) -> dict[str, str]:
    """What the real end makes of the messages, taken back at once: the pretended one cannot differ from it."""
    with transaction.atomic():
        lifecycle.end(alert_id=alert_id, owner=owner, to=to, now=now)
        states = dict(Message.objects.filter(id__in=message_ids).values_list("id", "state"))
        transaction.set_rollback(True)
    return {str(message_id): state for message_id, state in states.items()}
