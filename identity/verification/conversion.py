"""How many of the codes we send are typed in, by country: few of many is what SMS pumping looks like."""

from datetime import UTC, datetime

from django.db.models import F

from identity.models import CodeCount
from messaging.database.sql import rows
from messaging.numbers import calling_code
from messaging.operations.alarms import alarm

# Fewer codes than this in a day say nothing; of more, at least this part is typed in by people.
ENOUGH_TO_JUDGE = 50
LOWEST_SHARE = 0.2


_COUNT_SENT = """
INSERT INTO identity_codecount AS c (day, country, sent, verified) VALUES (%s, %s, 1, 0)
ON CONFLICT (day, country) DO UPDATE SET sent = c.sent + 1
"""
_COUNT_VERIFIED = """
INSERT INTO identity_codecount AS c (day, country, sent, verified) VALUES (%s, %s, 0, 1)
ON CONFLICT (day, country) DO UPDATE SET verified = c.verified + 1
"""


def count_sent(phone_number: str, *, now: datetime) -> None:
    _count(_COUNT_SENT, phone_number, now=now)


def count_verified(phone_number: str, *, now: datetime) -> None:
    _count(_COUNT_VERIFIED, phone_number, now=now)


def judge(*, now: datetime) -> int:
    """Alarm the operator, once a day, of each country whose codes hardly anybody types in; returns how many."""
    suspicious = CodeCount.objects.filter(
        day=now.astimezone(UTC).date(),
        sent__gte=ENOUGH_TO_JUDGE,
        verified__lt=F("sent") * LOWEST_SHARE,
        alarmed_at=None,
    )
    found = list(suspicious)
    for row in found:
        alarm("codes_not_typed_in", now=now, country=row.country, sent=row.sent, verified=row.verified)
        CodeCount.objects.filter(id=row.id).update(alarmed_at=now)
    return len(found)


def _count(statement: str, phone_number: str, *, now: datetime) -> None:
    """Last in its transaction: the row is every registration's of that country."""
    rows(statement, [now.astimezone(UTC).date(), calling_code(phone_number)])
