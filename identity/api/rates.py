"""Limits on how often a person, a number or a network may do something. PostgreSQL counts for all processes."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil

from django.utils.crypto import salted_hmac

from identity.api.addresses import networks_of
from identity.errors import TooMany
from messaging.database.sql import rows

LONGEST_WINDOW = timedelta(days=1)

_COUNT = """
INSERT INTO identity_ratecount (key, window_start, count) VALUES (%s, %s, 1)
ON CONFLICT (key, window_start) DO UPDATE SET count = identity_ratecount.count + 1
RETURNING count
"""
_GIVE_BACK = "UPDATE identity_ratecount SET count = count - 1 WHERE key = %s AND window_start = %s AND count > 0"


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


def spend(limit: Limit, *values: str, now: datetime) -> None:
    """Count one use of the limit for the combination of these values. Raises TooManyRequests beyond the limit.

    Call it before the transaction of the use itself, so that a refused or failed use counts too.
    """
    start = _window_start(limit, now)
    [(count,)] = rows(_COUNT, [_key(limit, values), start])
    if count > limit.times:
        raise TooManyRequests(retry_after=start + limit.window - now)


def spend_by_network(limit: Limit, *values: str, client_ip: str, now: datetime) -> None:
    """Count one use of the limit for these values with each network of the client IP (`networks_of`).

    Wider networks may use it more often. Raises TooManyRequests. The narrowest network counts first: a use that is
    refused to it does not count against its neighbours in the wider ones.
    """
    for widened, network in _by_network(limit, client_ip):
        spend(widened, *values, network, now=now)


def give_back_by_network(limit: Limit, *values: str, client_ip: str, now: datetime) -> None:
    """Undo one `spend_by_network` with the same arguments, `now` included."""
    for widened, network in _by_network(limit, client_ip):
        rows(_GIVE_BACK, [_key(widened, (*values, network)), _window_start(widened, now)])


def _by_network(limit: Limit, client_ip: str) -> list[tuple[Limit, str]]:
    # A client has one /64, so its share of a /56 and of a /48 is not known: they get some more uses.
    networks = networks_of(client_ip)
    return [(replace(limit, times=limit.times * share), each) for share, each in zip((1, 2, 4), networks, strict=False)]


def _window_start(limit: Limit, now: datetime) -> datetime:
    window_s = int(limit.window.total_seconds())
    return datetime.fromtimestamp(now.timestamp() // window_s * window_s, tz=UTC)


def _key(limit: Limit, values: tuple[str, ...]) -> bytes:
    # Values are ids, E.164 numbers and networks, so no value contains a line break.
    counted = "\n".join((limit.scope, str(limit.window), *values))
    return salted_hmac("alertme rate", counted, algorithm="sha256").digest()
