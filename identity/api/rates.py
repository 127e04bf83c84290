"""How often something may be done: counted in PostgreSQL, so every process sees the same count."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from django.utils.crypto import salted_hmac
from rest_framework.exceptions import APIException

from messaging.database.sql import rows

LONGEST_WINDOW = timedelta(days=1)

_COUNT = """
INSERT INTO identity_ratecount (key, window_start, count) VALUES (%s, %s, 1)
ON CONFLICT (key, window_start) DO UPDATE SET count = identity_ratecount.count + 1
RETURNING count
"""


class TooManyRequests(APIException):
    """Answered with Retry-After: DRF reads `wait`, in seconds."""

    status_code = 429
    default_code = "too_many_requests"
    default_detail = "Too many requests. Try again later."

    def __init__(self, *, retry_after: timedelta) -> None:
        super().__init__()
        self.wait = max(1, ceil(retry_after.total_seconds()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most so many times in each window. Windows are aligned to the epoch and at most LONGEST_WINDOW."""

    scope: str
    times: int
    window: timedelta


def spend(limit: Limit, *values: str, now: datetime) -> None:
    """Count one use for these values, or raise TooManyRequests.

    Call it outside the transaction of what is limited: a refused or failed use counts too.
    """
    window_s = int(limit.window.total_seconds())
    start = datetime.fromtimestamp(now.timestamp() // window_s * window_s, tz=UTC)
    [(count,)] = rows(_COUNT, [_key(limit, values), start])
    if count > limit.times:
        raise TooManyRequests(retry_after=start + limit.window - now)


def network_of(address: str) -> str:
    """What one client can choose its address from: an IPv6 client owns a whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def _key(limit: Limit, values: tuple[str, ...]) -> bytes:
    # The values are E.164 numbers and networks: none contains a line break.
    counted = "\n".join((limit.scope, str(limit.window), *values))
    return salted_hmac("alertme rate", counted, algorithm="sha256").digest()
