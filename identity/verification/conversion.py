"""Counts the codes that are sent and typed in, by country. A small share of typed codes is a sign of SMS pumping.

SMS pumping is fraud: somebody asks for many SMS to numbers that earn them a part of the price.
"""

from datetime import UTC, datetime

from django.db.models import F

from identity.models import CodeCount
from messaging.database.sql import rows
from messaging.numbers import calling_code
from messaging.operations.alarms import alarm

# Codes sent to a country in a day before it is judged: fewer prove nothing.
ENOUGH_TO_JUDGE = 50
# The share of codes that people type in at least.
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
    """Alarm the operator of each country where fewer than LOWEST_SHARE of today's (UTC) codes were typed in.

    A country is judged from ENOUGH_TO_JUDGE codes on, and alarmed of at most once a day. Returns the number of
    countries with an alarm.
    """
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
    """Add one to today's count of the number's country with the SQL `statement`.

    Call it last in a transaction: all registrations of the country lock the same row.
    """
    rows(statement, [now.astimezone(UTC).date(), calling_code(phone_number)])
