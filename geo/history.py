"""A person's past fixes: newest first, in pages, filtered by time and box, and thinned to one in `every_s` seconds if
wanted.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from geo import policy
from geo.models import Fix
from identity.errors import NotFound
from messaging.database.sql import rows

EVER, NEVER = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ID = UUID(int=0)

# One fix for each interval. The index leads from one to the next, however many fixes lie between.
_THINNED = """
WITH RECURSIVE kept AS (
    ({newest} AND (at, id) < (%(at)s, %(id)s) ORDER BY at DESC, id DESC LIMIT 1)
    UNION ALL
    SELECT older.* FROM kept, LATERAL (
        {newest} AND at < to_timestamp(floor(extract(epoch FROM kept.at) / %(every_s)s) * %(every_s)s)
        ORDER BY at DESC, id DESC LIMIT 1
    ) AS older
)
SELECT * FROM kept LIMIT %(limit)s
"""
_COLUMNS = [field.attname for field in Fix._meta.concrete_fields if field.attname != "pk"]
_NEWEST = """
SELECT {columns} FROM geo_fix WHERE owner_id = %(owner)s AND at >= %(since)s AND at < %(until)s
AND latitude BETWEEN %(south)s AND %(north)s
AND CASE WHEN %(west)s <= %(east)s THEN longitude BETWEEN %(west)s AND %(east)s
    ELSE longitude >= %(west)s OR longitude <= %(east)s END
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A box on the map, in degrees. A box whose `west` is greater than its `east` crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float


EARTH = Box(west=-180, south=-90, east=180, north=90)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The fixes to show: from `since` up to, but without, `until`, within the box, at most one in `every_s` seconds (0:
    all).
    """

    since: datetime
    until: datetime
    box: Box = EARTH
    every_s: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after the fix with this time and id."""

    at: datetime
    id: UUID

    @classmethod
    def decoded(cls, text: str) -> "Cursor":
        """The cursor in this text. Raises NotFound if the text holds no cursor."""
        try:
            at, _, fix_id = base64.urlsafe_b64decode(text.encode()).decode().partition("|")
            cursor = cls(datetime.fromisoformat(at), UUID(fix_id))
            cursor.at.timestamp()
        except (ValueError, OverflowError) as error:
            raise NotFound("Invalid cursor") from error
        if cursor.at.tzinfo is None:
            raise NotFound("Invalid cursor")
        return cursor

    @property
    def encoded(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()}|{self.id}".encode()).decode()


def _spans(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the time from `since` to `until` in spans, the newest first, each four times as long as the one before.

    Most requests are for recent fixes. For a short span PostgreSQL plans and opens only the few weeks of that span,
    however many weeks are kept.
    """
    length = policy.HISTORY_SPAN
    while until > since:
        begin = max(since, until - length) if until - since > length else since
        yield begin, until
        until, length = begin, length * 4


def page(wanted: Wanted, *, owner_id: UUID, after: Cursor | None, size: int) -> tuple[list[Fix], Cursor | None]:
    """Return at most `size` wanted fixes after this cursor, newest first, and the cursor of the next page; None on the
    last page.
    """
    after = after or Cursor(wanted.until, _FIRST_ID)
    found = _page(wanted, owner_id=owner_id, after=after, limit=size + 1)
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    following = Cursor(_begin(last.at, wanted.every_s), _FIRST_ID) if wanted.every_s else Cursor(last.at, last.id)
    return found[:size], following


def _page(wanted: Wanted, *, owner_id: UUID, after: Cursor, limit: int) -> list[Fix]:
    if wanted.every_s:
        # Django's `raw` cannot read a composite primary key.
        thinned = rows(_thinned(), _parameters(wanted, owner_id, after, limit))
        return [Fix(**dict(zip(_COLUMNS, row, strict=True))) for row in thinned]
    found: list[Fix] = []
    # A fix at the time of `after` with a smaller id is older too.
    until = wanted.until if after.at >= wanted.until else after.at + timedelta.resolution
    for begin, end in _spans(wanted.since, until):
        span = replace(wanted, since=begin, until=end)
        found += _matching(span, owner_id=owner_id, after=after)[: limit - len(found)]
        if len(found) == limit:
            break
    return found


def every(wanted: Wanted, *, owner_id: UUID) -> Iterator[Fix]:
    """Yield the wanted fixes, oldest first, at most MAX_EXPORT; `every_s` is not used. They are read in pages of
    MAX_PAGE, so that memory stays small.
    """
    left, after = policy.MAX_EXPORT, Cursor(wanted.since, _FIRST_ID)
    while left > 0:
        older = Q(at__gt=after.at) | Q(at=after.at, id__gt=after.id)
        found = _within(wanted, owner_id=owner_id).filter(older, at__gte=after.at).order_by("at", "id")
        fixes = list(found[: min(left, policy.MAX_PAGE)])
        yield from fixes
        if len(fixes) < policy.MAX_PAGE:
            return
        left, after = left - len(fixes), Cursor(fixes[-1].at, fixes[-1].id)


def latest(*, owner_id: UUID, now: datetime, kept_for: timedelta) -> Fix | None:
    wanted = shown(Wanted(since=EVER, until=NEVER), now=now, kept_for=kept_for)
    found, _ = page(wanted, owner_id=owner_id, after=None, size=1)
    return found[0] if found else None


def _matching(wanted: Wanted, *, owner_id: UUID, after: Cursor) -> QuerySet[Fix]:
    older = Q(at__lt=after.at) | Q(at=after.at, id__lt=after.id)
    # The index cannot use `older`. It uses the condition on `at` alone.
    return _within(wanted, owner_id=owner_id).filter(older, at__lte=after.at).order_by("-at", "-id")


def _thinned() -> str:
    return _THINNED.format(newest=_NEWEST.format(columns=", ".join(_COLUMNS)))


def _within(wanted: Wanted, *, owner_id: UUID) -> QuerySet[Fix]:
    found = Fix.objects.filter(owner_id=owner_id, at__gte=wanted.since, at__lt=wanted.until)
    box = wanted.box
    if box == EARTH:
        return found
    west, east = Q(longitude__gte=box.west), Q(longitude__lte=box.east)
    return found.filter(west & east if box.west <= box.east else west | east, latitude__range=(box.south, box.north))


def _parameters(wanted: Wanted, owner_id: UUID, after: Cursor, limit: int) -> dict[str, object]:
    box = wanted.box
    return {
        "owner": owner_id,
        "since": wanted.since,
        "until": wanted.until,
        "every_s": wanted.every_s,
        "west": box.west,
        "south": box.south,
        "east": box.east,
        "north": box.north,
        "at": after.at,
        "id": after.id,
        "limit": limit,
    }


def _begin(moment: datetime, every_s: int) -> datetime:
    return moment - (moment - _EPOCH) % timedelta(seconds=every_s)


def shown(wanted: Wanted, *, now: datetime, kept_for: timedelta) -> Wanted:
    """Return `wanted` with its times limited to fixes no older than `kept_for`: the weeks of older fixes may still be
    stored.

    Also leaves out fixes later than `now` plus twice SKEW_IGNORED; no such fix is stored.
    """
    until = min(wanted.until, now + 2 * policy.SKEW_IGNORED)
    return replace(wanted, since=max(wanted.since, now - kept_for), until=until)
