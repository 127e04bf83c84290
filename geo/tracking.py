"""Uploads: stored in one statement, with one hint for the person, however many fixes."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from geo import clocks, hints, reading
from geo.reading import Arrived, Refused

# A repeat conflicts with itself and is left out; sorted, so that two uploads of the same fixes cannot deadlock.
_STORE = """
INSERT INTO geo_fix (owner_id, received_at, at, id, latitude, longitude, accuracy_m, altitude_m, speed_mps, course_deg,
                     battery_pct, network, activity, track_id)
SELECT %s, %s, * FROM unnest(%s::timestamptz[], %s::uuid[], %s::float8[], %s::float8[], %s::float8[], %s::float8[],
                             %s::float8[], %s::float8[], %s::int2[], %s::text[], %s::text[], %s::uuid[])
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedFix:
    index: int
    code: str
    field: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """What became of an upload: `repeated` fixes were there before."""

    stored: int
    repeated: int
    refused: list[RefusedFix]


def take(items: Sequence[object], *, owner_id: UUID, sent_at: datetime | None, now: datetime) -> Upload:
    """Store the fixes that are right and say what is wrong with the others; hints their evaluation at commit."""
    behind = clocks.behind(person_id=owner_id, sent_at=sent_at, now=now)
    arrived, refused = _read(items, owner_id=owner_id, behind=behind, now=now)
    stored = _store(arrived, owner_id=owner_id, now=now) if arrived else 0
    return Upload(stored=stored, repeated=len(arrived) - stored, refused=refused)


def _read(
    items: Sequence[object], *, owner_id: UUID, behind: timedelta, now: datetime
) -> tuple[list[Arrived], list[RefusedFix]]:
    kept_for = timedelta(days=settings.LOCATION_DAYS)
    arrived, refused = [], []
    for index, item in enumerate(items):
        try:
            arrived.append(reading.read(item, owner_id=owner_id, behind=behind, now=now, kept_for=kept_for))
        except Refused as error:
            refused.append(RefusedFix(index=index, code=error.code, field=error.field))
    return arrived, refused


@transaction.atomic
def _store(arrived: list[Arrived], *, owner_id: UUID, now: datetime) -> int:
    arrived.sort(key=lambda fix: (fix.at, fix.id))
    columns = [list(column) for column in zip(*map(astuple, arrived), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [owner_id, now, *columns])
        stored = int(cursor.rowcount)
    if stored:
        hints.ask(person_id=owner_id)
    return stored
