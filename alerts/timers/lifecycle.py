"""The owner's moves of an activity timer: arm, extend, check in, complete and cancel. expiry.py fires timers.

Every move changes only a row that is armed. If a move and the firing of a timer meet, exactly one of them wins.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from alerts.models import ActivityTimer, TimerStatus
from alerts.timers import kept
from identity import people
from identity.contacts import contacts
from identity.errors import Conflict, InvalidField, NotFound
from identity.models import EmergencyContact, User
from identity.pins.pins import Proof
from identity.pins.protection import require
from messaging.models import Channel
from messaging.outbox import addresses

# In less than a minute nobody can say in time that they are well. The longest walk takes a week.
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=7)
GRACE, LONGEST_GRACE = timedelta(minutes=3), timedelta(hours=1)
# After more extensions without a check-in, nobody watches the activity any more.
MAX_EXTENSIONS = 10
# Once PINs are set, somebody who holds the phone cannot put the alert off for longer than this many periods.
FREE_PERIODS = 2
# With more armed timers the person, or a loop in an app, has lost track of them.
MAX_ARMED = 10
# The nudge comes 5 minutes before the end. In a timer under 20 minutes it comes when the last quarter begins.
NUDGE_BEFORE = timedelta(minutes=5)
_NUDGE_PART = 4


class NoContacts(Conflict):
    code = "no_contacts"
    detail = "There are no emergency contacts: nobody would be told."


class NoReachableContact(Conflict):
    code = "no_reachable_contact"
    detail = "None of these contacts takes our SMS: nobody would be told."


class TooManyTimers(Conflict):
    code = "too_many_timers"
    detail = f"There can be at most {MAX_ARMED} armed timers."


class TooManyExtensions(Conflict):
    code = "too_many_extensions"
    detail = f"A timer can be extended at most {MAX_EXTENSIONS} times. A check-in starts it anew."


class TimerEnded(Conflict):
    """The timer is not armed any more. If it fired, `alert_id` names its alert, which the owner can end instead."""

    code = "timer_ended"
    detail = "The timer has ended."

    def __init__(self, timer: ActivityTimer) -> None:
        fired = timer.status == TimerStatus.FIRED
        super().__init__("The timer has run out." if fired else None)
        self.code = "timer_fired" if fired else type(self).code
        self.members = {"timer_status": timer.status, "alert_id": timer.alert_id}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The timer that a person wants. Empty `contact_ids` mean all contacts."""

    period: timedelta
    grace: timedelta = GRACE
    note: str = ""
    place: str = ""
    contact_ids: tuple[UUID, ...] = ()


def arm(*, person_id: UUID, wanted: Wanted, now: datetime) -> ActivityTimer:
    """Arm a timer that ends `wanted.period` from now; return the timer. Call inside a transaction.

    Raises NoContacts, NoReachableContact if no chosen contact takes our SMS, TooManyTimers, or InvalidField for a
    contact who is not the person's.
    """
    user = people.locked(person_id)
    _check_reach(list(user.contacts.all()), chosen=wanted.contact_ids)
    if shown_to(user).filter(status=TimerStatus.ARMED).count() >= MAX_ARMED:
        raise TooManyTimers
    return ActivityTimer.objects.create(
        owner=user,
        note=wanted.note,
        place=wanted.place,
        contact_ids=list(dict.fromkeys(wanted.contact_ids)),
        period_s=int(wanted.period.total_seconds()),
        grace_s=int(wanted.grace.total_seconds()),
        created_at=now,
        updated_at=now,
        **_times(now + wanted.period, wanted.grace, since=now),
    )


def shown_to(owner: User) -> QuerySet[ActivityTimer]:
    """The timers that the owner's devices show."""
    return ActivityTimer.objects.filter(owner=owner, kept_of=None)


def extend(*, timer_id: UUID, person_id: UUID, by: timedelta, proof: Proof, now: datetime) -> ActivityTimer:
    """Move the timer's end later: `by` after the old end or, in the grace period, `by` after now; return the timer.

    With the duress PIN a hidden copy keeps the old end (kept.py). Call inside a transaction. Raises NotFound,
    TimerEnded, TooManyExtensions, InvalidField if the new end would be more than LONGEST from now, or PinRequired if it
    is later than `_free_until` allows without a PIN.
    """
    timer = _locked(timer_id, person_id)
    if timer.extensions >= MAX_EXTENSIONS:
        raise TooManyExtensions
    ends_at = max(timer.ends_at, now) + by
    if ends_at > now + LONGEST:
        raise InvalidField("duration_s", "The timer would run for too long.", code="max_value")
    timer.extensions += 1
    return _put_off(timer, ends_at, proof=proof, now=now)


def check_in(*, timer_id: UUID, person_id: UUID, proof: Proof, now: datetime) -> ActivityTimer:
    """Start the timer's whole period anew from now, because the person is well and goes on; return the timer.

    Extensions count from 0 again. A check-in never makes the end earlier. With the duress PIN a hidden copy keeps the
    old end (kept.py). Call inside a transaction. Raises NotFound, TimerEnded, or PinRequired if the new end is later
    than `_free_until` allows without a PIN.
    """
    timer = _locked(timer_id, person_id)
    timer.extensions = 0
    ends_at = max(timer.ends_at, now + timedelta(seconds=timer.period_s))
    return _put_off(timer, ends_at, proof=proof, now=now)


def end(*, timer_id: UUID, person_id: UUID, to: TimerStatus, proof: Proof, now: datetime) -> ActivityTimer:
    """Complete or cancel an armed timer; return the timer. A repeat of the same end changes nothing.

    With the duress PIN a hidden copy of the timer goes on (kept.py). Call inside a transaction. Raises NotFound,
    PinRequired or TimerEnded.
    """
    # Without a lock: nobody who has no PIN keeps the timer from firing.
    if _armed(timer_id, person_id).exists():
        require(proof)
        if proof is Proof.DURESS:
            for timer in _armed(timer_id, person_id).select_for_update(no_key=True):
                kept.hide_copy(timer)
        _armed(timer_id, person_id).update(status=to, ended_at=now, updated_at=now)
    timer = of_person(timer_id=timer_id, person_id=person_id)
    if timer.status != to:
        raise TimerEnded(timer)
    return timer


def of_person(*, timer_id: UUID, person_id: UUID) -> ActivityTimer:
    """Return this timer of the person. Raises NotFound, also for another person's timer."""
    timer = ActivityTimer.objects.filter(id=timer_id, owner_id=person_id, kept_of=None).first()
    if timer is None:
        raise NotFound
    return timer


def _armed(timer_id: UUID, person_id: UUID) -> QuerySet[ActivityTimer]:
    return ActivityTimer.objects.filter(id=timer_id, owner_id=person_id, status=TimerStatus.ARMED, kept_of=None)


def _locked(timer_id: UUID, person_id: UUID) -> ActivityTimer:
    """Return the armed timer, locked so that it does not fire meanwhile.

    Waits if the timer is firing at this moment. Raises NotFound, and TimerEnded if the timer is not armed.
    """
    timer = _armed(timer_id, person_id).select_for_update(no_key=True).first()
    if timer is None:
        raise TimerEnded(of_person(timer_id=timer_id, person_id=person_id))
    return timer


def _put_off(timer: ActivityTimer, ends_at: datetime, *, proof: Proof, now: datetime) -> ActivityTimer:
    if ends_at > _free_until(timer):
        require(proof)
    if proof is Proof.DURESS:
        kept.hide_copy(timer)
    elif proof is Proof.SAFE:
        timer.proved_at = now
    times = _times(ends_at, timedelta(seconds=timer.grace_s), since=now)
    for name, value in times.items():
        setattr(timer, name, value)
    timer.updated_at = now
    timer.save(update_fields=["extensions", "updated_at", "proved_at", *times])
    return timer


def _free_until(timer: ActivityTimer) -> datetime:
    """The latest end that needs no PIN: two periods after the timer was armed or last put off with a PIN."""
    return (timer.proved_at or timer.created_at) + FREE_PERIODS * timedelta(seconds=timer.period_s)


def _times(ends_at: datetime, grace: timedelta, *, since: datetime) -> dict[str, datetime]:
    nudge_before = min(NUDGE_BEFORE, (ends_at - since) / _NUDGE_PART)
    return {"ends_at": ends_at, "due_at": ends_at + grace, "nudge_at": ends_at - nudge_before}


def _check_reach(all_contacts: list[EmergencyContact], *, chosen: Collection[UUID]) -> None:
    if not all_contacts:
        raise NoContacts
    if set(chosen) - {contact.id for contact in all_contacts}:
        raise InvalidField("contact_ids", "These are not all your contacts.", code="not_your_contact")
    told = [contact for contact in all_contacts if not chosen or contact.id in chosen]
    contacts.mark(told)
    if not any(_takes_sms(contact) for contact in told):
        raise NoReachableContact


def _takes_sms(contact: EmergencyContact) -> bool:
    return not contact.refuses_sms and not addresses.refusal(Channel.SMS, str(contact.phone_number))
