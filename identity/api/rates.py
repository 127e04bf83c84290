"""Limits on how often a person, a number or a network may do something. PostgreSQL counts for all processes."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from django.utils.crypto import salted_hmac

from identity.errors import TooMany
from messaging.database.sql import rows

LONGEST_WINDOW = timedelta(days=1)

_COUNT = """
INSERT INTO identity_ratecount (key, window_start, count) VALUES (%s, %s, 1)
ON CONFLICT (key, window_start) DO UPDATE SET count = identity_ratecount.count + 1
RETURNING count
"""


class TooManyRequests(TooMany):
    code = "too_many_requests"
    detail = "Too many requests. Try again later."

    def __init__(self, *, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after_s = max(1, ceil(retry_after.total_seconds()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most `times` uses in each window. Windows start at multiples of their length since 1970.

    No window may be longer than LONGEST_WINDOW: older counts are deleted.
    """

    scope: str
    times: int
    window: timedelta


def spend(limit: Limit, *values: str, now: datetime) -> int:
    """Count one use by these values; returns the uses in this window. Raises TooManyRequests beyond the limit.

    Call it before the transaction of the use itself, so that a refused or failed use counts too.
    """
    window_s = int(limit.window.total_seconds())
    start = datetime.fromtimestamp(now.timestamp() // window_s * window_s, tz=UTC)
    [(count,)] = rows(_COUNT, [_key(limit, values), start])
    if count > limit.times:
        raise TooManyRequests(retry_after=start + limit.window - now)
    return int(count)


def network_of(client_ip: str) -> str:
    """The network that one client can use: its IPv4 address, or the /64 around its IPv6 address."""
    try:
        parsed = ipaddress.ip_address(client_ip)
    except ValueError:
        return client_ip
    if parsed.version == 6:
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def _key(limit: Limit, values: tuple[str, ...]) -> bytes:
    # Values are ids, E.164 numbers and networks, so no value contains a line break.
    counted = "\n".join((limit.scope, str(limit.window), *values))
    return salted_hmac("alertme rate", counted, algorithm="sha256").digest()
