"""Times that processes compare are PostgreSQL's, so a machine whose clock is seconds off changes nothing."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from messaging.database.sql import rows

# A process that freezes while it holds locks others wait for loses its connection, and with it the locks, after this.
IDLE_LIMIT = "1s"
# What the first statement of a transaction that takes such locks selects; `idle_limit` is IDLE_LIMIT.
BRIEFLY = """set_config('idle_in_transaction_session_timeout', %(idle_limit)s, true),
    set_config('lock_timeout', '1s', true), set_config('statement_timeout', '5s', true)"""
# So does one that freezes over a person's request, whose app is asking again. Longer, for a machine under load.
REQUEST_IDLE_LIMIT = "3s"


def now() -> datetime:
    """The database's clock, not the transaction's start."""
    [(value,)] = rows("SELECT clock_timestamp()")
    return cast(datetime, value)


def lock_briefly() -> datetime:
    """Call first in a transaction that locks rows others wait for (BRIEFLY); returns the database's clock."""
    [(value, *_)] = rows(f"SELECT clock_timestamp(), {BRIEFLY}", {"idle_limit": IDLE_LIMIT})
    return cast(datetime, value)


def answer_briefly() -> datetime:
    """Call first in a request's transaction; returns the database's clock.

    What a process freezes over is free again after REQUEST_IDLE_LIMIT, for the repeated request.
    """
    [(value, _)] = rows(
        "SELECT clock_timestamp(), set_config('idle_in_transaction_session_timeout', %s, true)",
        [REQUEST_IDLE_LIMIT],
    )
    return cast(datetime, value)


@dataclass(frozen=True, slots=True)
class Reading:
    """The database's clock tied to this process's monotonic one: waiting never asks the machine's wall clock."""

    at: datetime
    monotonic: float

    @classmethod
    def of(cls, at: datetime) -> "Reading":
        return cls(at=at, monotonic=time.monotonic())

    def now(self) -> datetime:
        """The database's clock at this moment, as far as this process can tell without asking."""
        return self.at + timedelta(seconds=time.monotonic() - self.monotonic)

    def monotonic_at(self, moment: datetime) -> float:
        """`time.monotonic()` at a moment of the database's clock."""
        return self.monotonic + (moment - self.at).total_seconds()
