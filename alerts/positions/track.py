"""Where the person is and was during an alert. Phones lose the network: fixes come late, twice and in any order, and
their clocks are wrong."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, hypot, radians
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet
from rest_framework.exceptions import NotFound

from alerts.models import AlertPosition, SosAlert
from alerts.owner import view
from geo import clocks, reading
from geo.reading import Arrived, RefusedFix, Sent
from geo.tracking import Upload
from identity.models import User
from messaging.database import clock

# A day of a fix every four seconds and a little more: beyond it is a loop in an app.
MAX_PER_ALERT = 25_000
# What a phone last knew before the press is worth having, with its age.
_BEFORE_THE_ALERT = timedelta(days=1)
# Within so many metres an address still says where somebody is.
_ADDRESS_HOLDS_M = 150
_METRES_PER_DEGREE = 111_320


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where somebody was; `at` None: is now. `accuracy` is a radius in metres."""

    latitude: float
    longitude: float
    accuracy: float | None = None
    at: datetime | None = None


def is_all_after_end(upload: Upload) -> bool:
    """Whether there was nothing in it but positions from after the alert's end."""
    return (
        bool(upload.refused)
        and all(fix.code == "alert_ended" for fix in upload.refused)
        and not (upload.stored or upload.repeated)
    )


@transaction.atomic
def add(*, alert_id: UUID, owner: User, sent: Sent) -> Upload:
    """Keep the fixes that are of the time of the owner's alert; the newest of all is where the person is now.

    Under duress fixes are kept that the owner's devices hear to be refused. Raises NotFound, also for another person's
    alert.
    """
    now = clock.answer_briefly()
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


def keep_places(places: Iterable[tuple[UUID, Place]], *, now: datetime) -> None:
    """Keep the place of what raised or joined an alert, by the alert's id, among its positions: by one statement."""
    AlertPosition.objects.bulk_create(
        AlertPosition(
            alert_id=alert_id,
            latitude=place.latitude,
            longitude=place.longitude,
            accuracy=place.accuracy,
            recorded_at=place.at or now,
            received_at=now,
        )
        for alert_id, place in places
    )


def last_of(alert_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When the newest position of each alert is of; by alert, without those that have none."""
    of_alerts = AlertPosition.objects.filter(alert__in=alert_ids).order_by().values_list("alert_id")
    return dict(of_alerts.annotate(Max("recorded_at"))) if alert_ids else {}


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


def _in_time(alert: SosAlert, sent: Sent, *, now: datetime) -> tuple[list[_Timely], list[RefusedFix]]:
    """The fixes in order of time, and what the owner hears of those that are of another time than the alert."""
    read, refused = reading.read(sent, person_id=alert.owner_id, now=now)
    behind = clocks.measured(sent_at=sent.sent_at, recorded_at=(fix.at for fix in read), now=now)
    since = alert.created_at - _BEFORE_THE_ALERT
    fixes, untimely = reading.on_our_clock(read, behind=behind, now=now, since=since)
    refused += untimely
    shown_end, timely = view.shown(alert).ended_at, []
    for fix in sorted(fixes, key=lambda fix: (fix.at, fix.number)):
        # What a clock that is taken to be right is ahead is no time that anybody was anywhere.
        recorded_at = min(fix.at, now)
        is_shown = not _is_after(shown_end, recorded_at)
        if not is_shown:
            refused.append(RefusedFix(index=fix.number, code="alert_ended", field="recorded_at"))
        if not _is_after(alert.ended_at, recorded_at):
            row = _row(alert, fix, recorded_at=recorded_at, now=now)
            timely.append(_Timely(row=row, index=fix.number, is_shown=is_shown))
    return timely, refused


def _is_after(ended_at: datetime | None, recorded_at: datetime) -> bool:
    return ended_at is not None and recorded_at > ended_at


def _report(timely: list[_Timely], new: list[_Timely], too_many: list[_Timely], refused: list[RefusedFix]) -> Upload:
    stored, left_out, shown = (sum(each.is_shown for each in some) for some in (new, too_many, timely))
    refused = sorted(refused, key=lambda fix: fix.index)
    return Upload(stored=stored, repeated=shown - stored - left_out, refused=refused)


def _row(alert: SosAlert, fix: Arrived, *, recorded_at: datetime, now: datetime) -> AlertPosition:
    return AlertPosition(
        alert=alert,
        client_id=fix.id,
        latitude=fix.latitude,
        longitude=fix.longitude,
        accuracy=fix.details.accuracy_m,
        altitude=fix.details.altitude_m,
        speed=fix.details.speed_mps,
        course=fix.details.course_deg,
        battery=fix.details.battery_pct,
        network=fix.details.network,
        activity=fix.details.activity,
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
