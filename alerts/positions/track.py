"""Positions of a person during an alert. Phones lose the network and their clocks are wrong, so fixes come late, twice
and in any order."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, hypot, radians
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from alerts.models import AlertPosition, SosAlert
from alerts.owner import view
from geo import clocks, reading
from geo.reading import RefusedFix, ReportedFix, Sent
from geo.tracking import Upload
from identity.errors import NotFound
from identity.models import User
from messaging.database import clock

# One day with a fix every four seconds, and a little more. Anything beyond is a loop in an app.
MAX_PER_ALERT = 25_000
# The phone's last fixes before the press are worth storing. They are shown with their age.
_BEFORE_THE_ALERT = timedelta(days=1)
# A street address still says where the person is after a move of this distance.
_ADDRESS_HOLDS_M = 150
_METRES_PER_DEGREE = 111_320


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a person was at the time `at`; `at` None: now. `accuracy_m` is a radius."""

    latitude: float
    longitude: float
    accuracy_m: float | None = None
    at: datetime | None = None


def is_all_after_end(upload: Upload) -> bool:
    """Whether every fix of this upload was refused because it is from after the alert's end."""
    return (
        bool(upload.refused)
        and all(fix.code == "alert_ended" for fix in upload.refused)
        and not (upload.stored or upload.repeated)
    )


@transaction.atomic
def add(*, alert_id: UUID, owner: User, sent: Sent) -> Upload:
    """Store the fixes that are from the time of the owner's alert; return how many were stored, repeated and refused.

    An alert that has not ended moves to its newest position. Under duress some stored fixes are reported to the owner's
    devices as refused. Raises NotFound, also for another person's alert.
    """
    now = clock.set_request_timeout()
    alert = SosAlert.objects.select_for_update(no_key=True).filter(id=alert_id, owner=owner).first()
    if alert is None:
        raise NotFound
    timely, refused = _in_time(alert, sent, now=now)
    new = _unknown(alert, timely)
    room = max(0, MAX_PER_ALERT - alert.positions.count())
    new, too_many = new[:room], new[room:]
    refused += [RefusedFix(index=each.index, code="too_many", field="") for each in too_many if each.is_shown]
    AlertPosition.objects.bulk_create([each.row for each in new])
    if new and alert.ended_at is None:
        _move(alert, now=now)
    return _report(timely, new, too_many, refused)


def record_positions(positions: Iterable[tuple[UUID, Position]], *, now: datetime) -> None:
    """Store the positions of presses and timers that raised or joined alerts, in one statement.

    `positions` are pairs of an alert's id and a position.
    """
    AlertPosition.objects.bulk_create(
        AlertPosition(
            alert_id=alert_id,
            latitude=position.latitude,
            longitude=position.longitude,
            accuracy_m=position.accuracy_m,
            at=position.at or now,
            received_at=now,
        )
        for alert_id, position in positions
    )


def last_of(alert_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """The time of each alert's newest position, by alert id. Alerts without positions are left out."""
    of_alerts = AlertPosition.objects.filter(alert__in=alert_ids).order_by().values_list("alert_id")
    return dict(of_alerts.annotate(Max("at"))) if alert_ids else {}


def newest(alert_id: UUID) -> AlertPosition | None:
    """The alert's last position by the time of the fix, not of its arrival; None without a position."""
    return _by_time(alert_id).first()


def trail(alert_id: UUID, *, limit: int) -> list[AlertPosition]:
    """The alert's last `limit` positions by the time of the fix, the oldest first."""
    return list(_by_time(alert_id)[:limit])[::-1]


def _by_time(alert_id: UUID) -> QuerySet[AlertPosition]:
    return AlertPosition.objects.filter(alert_id=alert_id).order_by("-at", "-id")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timely:
    """A fix from the time of the alert.

    `is_shown` False: the owner's devices are told that the fix came after the end.
    """

    row: AlertPosition
    index: int
    is_shown: bool


def _in_time(alert: SosAlert, sent: Sent, *, now: datetime) -> tuple[list[_Timely], list[RefusedFix]]:
    """The fixes from the time of the alert, in order of time, and the refusals that the owner's devices are told."""
    read, refused = reading.read(sent, person_id=alert.owner_id, now=now)
    behind = clocks.measured(sent_at=sent.sent_at, recorded_at=(fix.at for fix in read), now=now)
    since = alert.created_at - _BEFORE_THE_ALERT
    fixes, untimely = reading.on_our_clock(read, behind=behind, now=now, since=since)
    refused += untimely
    shown_end, timely = view.shown(alert).ended_at, []
    for fix in sorted(fixes, key=lambda fix: (fix.at, fix.number)):
        # Small clock skew is not corrected, so a fix may lie slightly in the future: clamp it to now.
        at = min(fix.at, now)
        is_shown = not _is_after(shown_end, at)
        if not is_shown:
            refused.append(RefusedFix(index=fix.number, code="alert_ended", field="recorded_at"))
        if not _is_after(alert.ended_at, at):
            timely.append(_Timely(row=_row(alert, fix, at=at, now=now), index=fix.number, is_shown=is_shown))
    return timely, refused


def _row(alert: SosAlert, fix: ReportedFix, *, at: datetime, now: datetime) -> AlertPosition:
    details = fix.details._asdict()
    where = {"latitude": fix.latitude, "longitude": fix.longitude}
    return AlertPosition(alert=alert, client_id=fix.id, at=at, received_at=now, **where, **details)


def _is_after(ended_at: datetime | None, at: datetime) -> bool:
    return ended_at is not None and at > ended_at


def _report(timely: list[_Timely], new: list[_Timely], too_many: list[_Timely], refused: list[RefusedFix]) -> Upload:
    stored, left_out, shown = (sum(each.is_shown for each in some) for some in (new, too_many, timely))
    refused = sorted(refused, key=lambda fix: fix.index)
    return Upload(stored=stored, repeated=shown - stored - left_out, refused=refused)


def _unknown(alert: SosAlert, timely: Sequence[_Timely]) -> list[_Timely]:
    """The fixes that are not stored yet, each once. The alert is locked, so no other request adds one meanwhile."""
    ids = [each.row.client_id for each in timely]
    known = set(alert.positions.filter(client_id__in=ids).values_list("client_id", flat=True))
    first: dict[UUID, _Timely] = {}
    for each in timely:
        first.setdefault(each.row.client_id, each)
    return [each for client_id, each in first.items() if client_id not in known]


def _move(alert: SosAlert, *, now: datetime) -> None:
    """Move the alert to its newest position.

    Remove the alert's street address if the new position is too far from it.
    """
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
