"""Where the person is and was during an alert. Phones lose the network: fixes come late, twice and in any order, and
their clocks are wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, hypot, radians
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound

from alerts import owner_view
from alerts.fixes import Fix, Refusal, Sent
from alerts.models import AlertPosition, SosAlert
from identity.models import User
from messaging import clock

# A day of a fix every four seconds and a little more: beyond it is a loop in an app.
MAX_PER_ALERT = 25_000
# What a phone last knew before the press is worth having, with its age.
_BEFORE_THE_ALERT = timedelta(days=1)
# A clock that is this far ahead is wrong; the fixes of one that is further are not to be placed in time at all.
_AHEAD_AT_MOST = timedelta(days=1)
# What a request may take on its way: below that the phone's clock is taken to be right.
_ON_THE_WAY = timedelta(seconds=5)
# Within so many metres an address still says where somebody is.
_ADDRESS_HOLDS_M = 150
_METRES_PER_DEGREE = 111_320


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """`repeated` were there already."""

    stored: int
    repeated: int
    refused: list[Refusal]

    @property
    def only_after_end(self) -> bool:
        """Whether there was nothing in it but positions from after the alert's end."""
        return not (self.stored or self.repeated) and all(refusal.code == "alert_ended" for refusal in self.refused)


@transaction.atomic
def add(*, alert_id: UUID, owner: User, sent: Sent) -> Report:
    """Keep the fixes that are of the time of the owner's alert; the newest of all is where the person is now.

    Under duress fixes are kept that the owner's devices hear to be refused. Raises NotFound, also for another person's
    alert.
    """
    now = clock.lock_briefly()
    alert = SosAlert.objects.select_for_update(no_key=True).filter(id=alert_id, owner=owner).first()
    if alert is None:
        raise NotFound
    timely, refused = _in_time(alert, sent, now=now)
    new = _unknown(alert, timely)
    room = max(0, MAX_PER_ALERT - alert.positions.count())
    new, too_many = new[:room], new[room:]
    refused += [Refusal(index=each.index, code="too_many") for each in too_many if each.is_shown]
    AlertPosition.objects.bulk_create([each.row for each in new])
    if new and alert.ended_at is None:
        _move(alert, now=now)
    return _report(timely, new, too_many, refused)


def keep_place(pressed: SosAlert, *, of: SosAlert, now: datetime) -> None:
    """Keep the place of a press, if it has one, among the positions of an alert."""
    if pressed.latitude is not None and pressed.longitude is not None:
        AlertPosition.objects.create(
            alert=of, latitude=pressed.latitude, longitude=pressed.longitude, recorded_at=now, received_at=now
        )


def newest(alert_id: UUID) -> AlertPosition | None:
    """Where the person was last, by the time of the fix and not of its arrival."""
    return _by_time(alert_id).first()


def trail(alert_id: UUID, *, limit: int) -> list[AlertPosition]:
    """The last positions, the oldest of them first."""
    return list(_by_time(alert_id)[:limit])[::-1]


def _by_time(alert_id: UUID) -> QuerySet[AlertPosition]:
    return AlertPosition.objects.filter(alert_id=alert_id).order_by("-recorded_at", "-id")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timely:
    """A fix of the alert's time, on our clock. Without `is_shown` its owner hears that it came after the end."""

    row: AlertPosition
    index: int
    is_shown: bool


def _in_time(alert: SosAlert, sent: Sent, *, now: datetime) -> tuple[list[_Timely], list[Refusal]]:
    """The fixes in order of time, and what the owner hears of those that are of another time than the alert."""
    timely: list[_Timely] = []
    refused = list(sent.refused)
    wrong_by = _clock_error(sent, now=now)
    shown = owner_view.of(alert)
    for fix in sent.fixes:
        recorded_at = fix.recorded_at - wrong_by if fix.recorded_at else now
        code = _untimely(shown, recorded_at, now=now)
        if code:
            refused.append(Refusal(index=fix.index, code=code))
        if not _untimely(alert, recorded_at, now=now):
            row = _row(alert, fix, recorded_at=recorded_at, now=now)
            timely.append(_Timely(row=row, index=fix.index, is_shown=not code))
    timely.sort(key=lambda each: (each.row.recorded_at, each.index))
    return timely, refused


def _report(timely: list[_Timely], new: list[_Timely], too_many: list[_Timely], refused: list[Refusal]) -> Report:
    stored, left_out, shown = (sum(each.is_shown for each in some) for some in (new, too_many, timely))
    refused = sorted(refused, key=lambda refusal: refusal.index)
    return Report(stored=stored, repeated=shown - stored - left_out, refused=refused)


def _clock_error(sent: Sent, *, now: datetime) -> timedelta:
    """How far the phone's clock is ahead of ours, as far as the request shows it."""
    error = sent.sent_at - now if sent.sent_at else timedelta()
    if abs(error) <= _ON_THE_WAY:
        error = timedelta()
    times = [fix.recorded_at - error for fix in sent.fixes if fix.recorded_at]
    # No fix is from the future: what remains ahead of us is the clock's error too, shared by all of one request.
    ahead = [time - now for time in times if timedelta() < time - now <= _AHEAD_AT_MOST]
    return error + max(ahead, default=timedelta())


def _untimely(alert: SosAlert, recorded_at: datetime, *, now: datetime) -> str:
    """The code of a refusal, or ""."""
    if recorded_at > now:
        return "in_the_future"
    if recorded_at < alert.created_at - _BEFORE_THE_ALERT:
        return "before_the_alert"
    if alert.ended_at is not None and recorded_at > alert.ended_at:
        return "alert_ended"
    return ""


def _row(alert: SosAlert, fix: Fix, *, recorded_at: datetime, now: datetime) -> AlertPosition:
    return AlertPosition(
        alert=alert,
        client_id=fix.client_id,
        latitude=fix.latitude,
        longitude=fix.longitude,
        accuracy=fix.accuracy,
        altitude=fix.altitude,
        speed=fix.speed,
        course=fix.course,
        battery=fix.battery,
        network=fix.network,
        activity=fix.activity,
        recorded_at=recorded_at,
        received_at=now,
    )


def _unknown(alert: SosAlert, timely: Sequence[_Timely]) -> list[_Timely]:
    """Those that are new, each once. The alert's lock makes this exact: nobody else adds to it."""
    ids = [each.row.client_id for each in timely]
    known = set(alert.positions.filter(client_id__in=ids).values_list("client_id", flat=True))
    first: dict[UUID, _Timely] = {}
    for each in timely:
        first.setdefault(each.row.client_id, each)
    return [each for client_id, each in first.items() if client_id not in known]


def _move(alert: SosAlert, *, now: datetime) -> None:
    """Put the alert where its newest position is. An address goes with the place that it was the address of."""
    there = _by_time(alert.id)[0]
    if (alert.latitude, alert.longitude) == (there.latitude, there.longitude):
        return
    if _metres(alert, there) > _ADDRESS_HOLDS_M:
        alert.address = ""
    alert.latitude, alert.longitude, alert.updated_at = there.latitude, there.longitude, now
    alert.save(update_fields=["latitude", "longitude", "address", "updated_at"])


def _metres(alert: SosAlert, there: AlertPosition) -> float:
    if alert.latitude is None or alert.longitude is None:
        return 0
    east = (there.longitude - alert.longitude + 180) % 360 - 180
    return _METRES_PER_DEGREE * hypot(there.latitude - alert.latitude, east * cos(radians(there.latitude)))
