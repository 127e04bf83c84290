"""Timers that were ended or put off with the duress PIN: each goes on as a hidden row and, if it runs out, raises a
silent alert.

The owner's devices show the timer ended or put off, as after the safe PIN. A hidden timer nudges nobody. Its heartbeats
are those of the timer that is shown.
"""

from uuid_utils.compat import uuid7

from alerts.models import ActivityTimer


def hide_copy(timer: ActivityTimer) -> None:
    """Store a hidden copy of the armed timer, as it is before the owner's change, with a new id and `kept_of`. If the
    timer has a hidden copy already, changes nothing.

    The caller has locked the timer.
    """
    if ActivityTimer.objects.filter(owner=timer.owner_id, kept_of=timer.id).exists():
        return
    fields = {each.attname: getattr(timer, each.attname) for each in ActivityTimer._meta.concrete_fields}
    ActivityTimer(**fields | {"id": uuid7(), "kept_of": timer.id, "nudge_at": None}).save(force_insert=True)
