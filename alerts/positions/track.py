"""Positions of a person during an alert. Phones lose the network and their clocks are wrong, so fixes come late, twice
and in any order."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import cos, hypot, radians
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils.crypto import salted_hmac

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
    """Where a person was at the time `at`; `at` None: now. `accuracy_m` is a radius.

    `at_is_known` False: `at` is by the phone's clock, which may be wrong.
    """

    latitude: float
    longitude: float
    accuracy_m: float | None = None
    battery_pct: int | None = None
    at: datetime | None = None
    at_is_known: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timely:
    """A fix that may be stored: the row, not saved yet, and the fix's index in the request."""

    row: AlertPosition
    index: int


def is_all_after_end(upload: Upload) -> bool:
    """Whether every fix of this upload was refused because it is from after the alert's end."""
    return (
        bool(upload.refused)
        and all(fix.code == "alert_ended" for fix in upload.refused)
        and not (upload.stored or upload.repeated)
    )


@transaction.atomic
def add(*, alert_id: UUID, owner: User, sent: Sent) -> Upload:
    """Store the fixes from a day before the owner's alert up to its shown end, at most MAX_PER_ALERT. Unless the alert
    has ended, move it to its newest position. Returns how many fixes were stored and repeated, and which were refused.

    Under duress, fixes from after the shown end are stored too, and are reported to the owner's devices as refused.
    Raises NotFound, also for another person's alert.
    """
    now = clock.set_request_timeout()
    alert = view.owned_by(owner).select_for_update(no_key=True, of=("self",)).filter(id=alert_id).first()
    if alert is None:
        raise NotFound
    timely, hidden, refused = _in_time(alert, sent, now=now)
    stored = _counts(alert)
    new = _unknown(alert, timely)
    room = max(0, MAX_PER_ALERT - stored["shown"])
    new, too_many = new[:room], new[room:]
    refused += [RefusedFix(index=each.index, code="too_many", field="") for each in too_many]
    AlertPosition.objects.bulk_create([each.row for each in new])
    if view.shown(alert).ended_at is None:
        if new:
            _move(alert, now=now)
    elif new or hidden:
        _go_on(alert, hidden, room=max(0, MAX_PER_ALERT - stored["hidden"]), now=now)
    return _report(timely, new, too_many, refused)


def _go_on(alert: SosAlert, hidden: Sequence[_Timely], *, room: int, now: datetime) -> None:
    """Under duress, store the fixes from after the shown end, and move the alert to its newest position.

    After a real end the same work is done and rolled back, so that its duration does not tell which end it was.
    """
    with transaction.atomic():
        AlertPosition.objects.bulk_create([each.row for each in hidden[:room]], ignore_conflicts=True)
        if alert.ended_at is None or alert.duress_at is None:
            _move_to(_by_time(alert.id)[0], alert, now=now)
        transaction.set_rollback(alert.duress_at is None)


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
            battery_pct=position.battery_pct,
            at=position.at or now,
            at_is_known=position.at_is_known,
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


def trail(alert_id: UUID, *, limit: int, until: datetime | None = None) -> list[AlertPosition]:
    """The last `limit` positions by the time of the fix, the oldest first. With `until`, later positions are
    left out.
    """
    fixes = _by_time(alert_id).filter(at__lte=until) if until else _by_time(alert_id)
    return list(fixes[:limit])[::-1]


def _by_time(alert_id: UUID) -> QuerySet[AlertPosition]:
    return AlertPosition.objects.filter(alert_id=alert_id).order_by("-at", "-id")


def _in_time(alert: SosAlert, sent: Sent, *, now: datetime) -> tuple[list[_Timely], list[_Timely], list[RefusedFix]]:
    """Split the fixes: those up to the shown end, those after it, and the refusals for the owner's devices. The first
    two lists are in order of time.

    A fix after the shown end is in both of the last two lists, unless the alert has really ended before it after
    duress.
    """
    read, refused = reading.read(sent, person_id=alert.owner_id, now=now)
    behind = clocks.measured(sent_at=sent.sent_at, recorded_at=(fix.at for fix in read), now=now)
    since = alert.created_at - _BEFORE_THE_ALERT
    fixes, untimely = reading.on_our_clock(read, behind=behind, now=now, since=since)
    refused += untimely
    shown_end = view.shown(alert).ended_at
    timely, hidden = [], []
    for fix in sorted(fixes, key=lambda fix: (fix.at, fix.number)):
        # Small clock skew is not corrected, so a fix may lie slightly in the future: clamp it to now.
        at = min(fix.at, now)
        each = _Timely(row=_row(alert, fix, at=at, now=now), index=fix.number)
        if not _is_after(shown_end, at):
            timely.append(each)
            continue
        refused.append(RefusedFix(index=fix.number, code="alert_ended", field="recorded_at"))
        # An alert under duress may have ended for real since then.
        if alert.duress_at is None or not _is_after(alert.ended_at, at):
            each.row.client_id = _hidden_id(alert, fix.id)
            hidden.append(each)
    return timely, hidden, refused


def _hidden_id(alert: SosAlert, client_id: UUID) -> UUID:
    """The id of a fix that the owner's devices may not learn of.

    It differs from the phone's id: a fix from before the end with the same id counts as new, as after a real end. No
    phone can guess it. A fix that is sent again has the same hidden id.
    """
    digest = salted_hmac("alertme hidden position", f"{alert.id} {client_id}", algorithm="sha256").digest()
    return UUID(bytes=digest[:16])


def _counts(alert: SosAlert) -> dict[str, int]:
    """How many positions of the alert its owner is shown (`shown`), and how many not (`hidden`)."""
    is_shown = Q(at__lte=view.shown(alert).ended_at or datetime.max.replace(tzinfo=UTC))
    counts: dict[str, int] = alert.positions.aggregate(
        shown=Count("id", filter=is_shown), hidden=Count("id", filter=~is_shown)
    )
    return counts


def _row(alert: SosAlert, fix: ReportedFix, *, at: datetime, now: datetime) -> AlertPosition:
    details = fix.details._asdict()
    where = {"latitude": fix.latitude, "longitude": fix.longitude}
    return AlertPosition(alert=alert, client_id=fix.id, at=at, received_at=now, **where, **details)


def _is_after(ended_at: datetime | None, at: datetime) -> bool:
    return ended_at is not None and at > ended_at


def _report(timely: list[_Timely], new: list[_Timely], too_many: list[_Timely], refused: list[RefusedFix]) -> Upload:
    refused = sorted(refused, key=lambda fix: fix.index)
    return Upload(stored=len(new), repeated=len(timely) - len(new) - len(too_many), refused=refused)


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

    Remove the alert's street address if the new position is more than _ADDRESS_HOLDS_M away.
    """
    there = _by_time(alert.id)[0]
    if (alert.latitude, alert.longitude) != (there.latitude, there.longitude):
        _move_to(there, alert, now=now)


def _move_to(there: AlertPosition, alert: SosAlert, *, now: datetime) -> None:
    if _metres(alert, there) > _ADDRESS_HOLDS_M:
        alert.address = ""
    alert.latitude, alert.longitude, alert.updated_at = there.latitude, there.longitude, now
    alert.save(update_fields=["latitude", "longitude", "address", "updated_at"])


def _metres(alert: SosAlert, there: AlertPosition) -> float:
    if alert.latitude is None or alert.longitude is None:
        return 0
    east = (there.longitude - alert.longitude + 180) % 360 - 180
    return _METRES_PER_DEGREE * hypot(there.latitude - alert.latitude, east * cos(radians(there.latitude)))
