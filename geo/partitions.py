"""The table of fixes, divided into weeks: makes the partitions of coming weeks and drops old ones.

Each week is a partition. An insert touches one small index. History reads the newest week first. A week that is no
longer kept is dropped as a file, not deleted row by row. There is no default partition: with one, PostgreSQL can no
longer read partitions in the order of time.

A billion rows are 90 days of 1,300 people who send a fix every ten seconds, or of 13,000 who send one every hundred.
Each week has about 75 million rows: 10 GB, and an index of 8 GB. A billion rows fill 13 to 14 weeks. Five more weeks,
made ahead, are empty. Frequent work touches one or two weeks, however many weeks there are:

- storing reads and writes this week's index. The index pages of people who are sending now are in memory. A person's
  fixes of a day lie side by side in the index, so a batch writes a page or two, not a thousand;
- evaluating searches this week's index once for each person. The statement holds the first and the last time as values,
  so PostgreSQL does not even plan the other weeks;
- the latest fix and a page of history read the newest week first (geo/history.py), then longer and longer spans;
- purging drops one file each week.

tests/bench/sizes.py measures this with 0, 1 and 5 million rows. Disk, backups and VACUUM grow, also week by week. Above
the load that one server can write, people move to further servers: no query crosses two people.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from messaging.database.sql import rows

# Weeks are made this far ahead, so that a month without any scheduler does no harm.
WEEKS_AHEAD = 5
WEEK = timedelta(weeks=1)
_NAME = "geo_fix_%G_%V"  # ISO year and week

_EXISTING = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'geo_fix'::regclass
"""


def ensure(*, now: datetime, kept_for: timedelta) -> int:
    """Make the missing weeks, from the week of the oldest fix that is kept to WEEKS_AHEAD from now; return how many
    were made.
    """
    existing = _existing()
    missing = [week for week in _weeks(now - kept_for, now + WEEKS_AHEAD * WEEK) if _name(week) not in existing]
    for week in missing:
        # A function of the table's owner: the application's role need not be the owner.
        rows("SELECT geo_make_week(%s)::text", [_name(week)])
    return len(missing)


def drop_oldest(*, now: datetime, kept_for: timedelta) -> int:
    """Drop the oldest week if it holds only fixes older than `kept_for`; return how many weeks were dropped, 0 or 1.

    One call drops one week, since dropping locks the table.
    """
    oldest = min(_existing(), default=None)
    if oldest is None or _begin(oldest) + WEEK > now - kept_for:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '1s'")
        cursor.execute("SELECT geo_drop_week(%s)", [oldest])
    return 1


def _existing() -> set[str]:
    return {name for (name,) in rows(_EXISTING)}


def _weeks(first: datetime, last: datetime) -> Iterator[datetime]:
    week = _begin(_name(first))
    while week <= last:
        yield week
        week += WEEK


def _name(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_NAME)


def _begin(name: str) -> datetime:
    year, week = name.split("_")[2:]
    return datetime.fromisocalendar(int(year), int(week), 1).replace(tzinfo=UTC)
