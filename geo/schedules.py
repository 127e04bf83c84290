"""Decides when contacts are told of a zone: on days and at hours in a time zone."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo


def is_open(schedule: Mapping[str, Any] | None, *, at: datetime) -> bool:
    """Whether contacts are told at the moment `at`, by a zone's schedule: {"days": [1..7], "from", "to", "time_zone"}.
    With None: always.

    Hours past midnight belong to the day on which they began. The same hour in `from` and `to` is the whole day.
    """
    if schedule is None:
        return True
    local = at.astimezone(ZoneInfo(schedule["time_zone"]))
    begin, end = time.fromisoformat(schedule["from"]), time.fromisoformat(schedule["to"])
    days = schedule["days"]
    if begin < end:
        return local.isoweekday() in days and begin <= local.time() < end
    yesterday = (local - timedelta(days=1)).isoweekday()
    return (local.isoweekday() in days and local.time() >= begin) or (yesterday in days and local.time() < end)
