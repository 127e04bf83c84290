"""Stores the fixes of an upload and the row that asks for their evaluation (DueEvaluation), with one statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from geo import clocks, hints, reading
from geo.reading import Details, RefusedFix, ReportedFix, Sent
from messaging.database.sql import rows

# A repeated fix conflicts with its row and is left out. Fixes are sorted, so that two uploads of the same fixes cannot
# deadlock. One statement stores the fixes and asks for their evaluation: neither happens without the other, and one
# round trip is enough. Only people with an active zone are evaluated; other people's fixes are history. A second upload
# sets a later time, which outlives an evaluation that began before. The scheduler is told at commit. The count makes
# the due row come after all fixes: two uploads, one with the due row and one with a fix, could wait for each other.
_STORE = """
WITH stored AS (
    INSERT INTO geo_fix (owner_id, received_at, at, id, latitude, longitude, track_id, accuracy_m, altitude_m,
                         speed_mps, course_deg, battery_pct, network, activity)
    SELECT %(person)s, %(now)s, *
    FROM unnest(%(at)s::timestamptz[], %(id)s::uuid[], %(latitude)s::float8[], %(longitude)s::float8[],
                %(track_id)s::uuid[], %(accuracy_m)s::float8[], %(altitude_m)s::float8[], %(speed_mps)s::float8[],
                %(course_deg)s::float8[], %(battery_pct)s::int2[], %(network)s::text[], %(activity)s::text[])
    ON CONFLICT DO NOTHING
    RETURNING 1
), asked AS (
    INSERT INTO geo_dueevaluation (person_id, due_at)
    SELECT %(person)s, clock_timestamp()
    WHERE (SELECT count(*) FROM stored) > 0
    AND EXISTS (SELECT 1 FROM geo_geozone WHERE owner_id = %(person)s AND is_active)
    ON CONFLICT (person_id) DO UPDATE SET due_at = excluded.due_at, hinted_at = NULL
    RETURNING pg_notify(%(channel)s, '')
)
SELECT count(*), (SELECT count(*) FROM asked) FROM stored
"""


_COLUMNS = ("at", "id", "latitude", "longitude", "track_id", *Details._fields)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """The result of an upload. `repeated` counts the fixes that were stored before, or twice in the upload."""

    stored: int
    repeated: int
    refused: list[RefusedFix]


def take(sent: Sent, *, owner_id: UUID, now: datetime) -> Upload:
    """Store the usable fixes of a request; return how many were stored or repeated, and which were refused and why.

    If a fix is new and the person has an active zone, asks for an evaluation; the scheduler is woken at commit.
    """
    read, unreadable = reading.read(sent, person_id=owner_id, now=now)
    behind = clocks.measured(sent_at=sent.sent_at, recorded_at=(fix.at for fix in read), now=now)
    if sent.sent_at or behind:
        behind = clocks.steady(behind, person_id=owner_id)
    since = now - timedelta(days=settings.LOCATION_DAYS)
    fixes, untimely = reading.on_our_clock(read, behind=behind, now=now, since=since)
    stored = _store(fixes, owner_id=owner_id, now=now) if fixes else 0
    refused = sorted(unreadable + untimely, key=lambda fix: fix.index)
    return Upload(stored=stored, repeated=len(fixes) - stored, refused=refused)


def _store(fixes: list[ReportedFix], *, owner_id: UUID, now: datetime) -> int:
    fixes.sort(key=lambda fix: (fix.at, fix.id))
    found = ((fix.at, fix.id, fix.latitude, fix.longitude, fix.track_id, *fix.details) for fix in fixes)
    values = dict(zip(_COLUMNS, map(list, zip(*found, strict=True)), strict=True))
    [(stored, _)] = rows(_STORE, values | {"person": owner_id, "now": now, "channel": hints.CHANNEL})
    return int(stored)
