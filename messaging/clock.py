"""Times that processes compare are PostgreSQL's, so a machine whose clock is seconds off changes nothing."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from messaging.sql import rows

# A process that freezes while it holds locks others wait for loses them after this.
IDLE_LIMIT = "1s"
# So does one that freezes over a person's request, whose app is asking again. Longer, for a machine under load.
REQUEST_IDLE_LIMIT = "3s"


def now() -> datetime:
    """The database's clock, not the transaction's start."""
    [(value,)] = rows("SELECT clock_timestamp()")
    return cast(datetime, value)


def lock_briefly(*, is_awaited: bool = True) -> datetime:
    """Call first in a transaction that locks rows others wait for; returns the database's clock.

    A process that freezes while it holds them loses its connection, and with it the locks, after IDLE_LIMIT.
    With `is_awaited` off the commit does not wait for the disk, nor for a standby (PostgreSQL's synchronous_commit):
    only for what nobody acts on before a later commit, which takes this one to the disk before itself.
    """
    [(value, *_)] = rows(
        "SELECT clock_timestamp(), set_config('idle_in_transaction_session_timeout', %s, true),"
        " set_config('lock_timeout', '1s', true), set_config('statement_timeout', '5s', true),"
        " CASE WHEN %s THEN NULL ELSE set_config('synchronous_commit', 'off', true) END",
        [IDLE_LIMIT, is_awaited],
    )
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
