"""PostgreSQL's clock. All processes compare times by it, so a machine whose own clock is wrong changes nothing."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from messaging.database.sql import rows

# PostgreSQL ends the connection of a process that freezes inside a transaction for this long. The rows that it had
# locked are then free for the processes that wait for them.
IDLE_LIMIT = "1s"
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "1s", "5s"
# The idle limit of a transaction that serves a person's request: afterwards the app's repeated request can lock the
# same rows. It is longer than IDLE_LIMIT because the web process may run on a machine under load.
REQUEST_IDLE_LIMIT = "3s"

_NOW = "SELECT clock_timestamp()"
_SET_SHORT_TIMEOUTS = """
SELECT clock_timestamp(), set_config('idle_in_transaction_session_timeout', %(idle_limit)s, true),
    set_config('lock_timeout', %(lock_timeout)s, true), set_config('statement_timeout', %(statement_timeout)s, true)
"""
_SET_REQUEST_TIMEOUT = """
SELECT clock_timestamp(), set_config('idle_in_transaction_session_timeout', %(idle_limit)s, true)
"""


def now() -> datetime:
    """PostgreSQL's clock at this moment. SQL's now() would be the start of the transaction."""
    [(value,)] = rows(_NOW)
    return cast(datetime, value)


def set_short_timeouts() -> datetime:
    """Set the time-outs of `short_timeouts` for the current transaction; returns PostgreSQL's clock.

    Call it first in each transaction that locks rows for which other processes wait.
    """
    [(value, *_)] = rows(_SET_SHORT_TIMEOUTS, short_timeouts())
    return cast(datetime, value)


def short_timeouts() -> dict[str, str]:
    """Parameters for a statement that sets the time-outs itself: idle for 1 s, a lock for 1 s, a statement for 5 s."""
    return {"idle_limit": IDLE_LIMIT, "lock_timeout": LOCK_TIMEOUT, "statement_timeout": STATEMENT_TIMEOUT}


def set_request_timeout() -> datetime:
    """Set REQUEST_IDLE_LIMIT for the current transaction; returns PostgreSQL's clock.

    Call it first in each transaction that serves a person's request.
    """
    [(value, _)] = rows(_SET_REQUEST_TIMEOUT, {"idle_limit": REQUEST_IDLE_LIMIT})
    return cast(datetime, value)


@dataclass(frozen=True, slots=True)
class Reading:
    """A time read from PostgreSQL, with the value of this process's monotonic clock at the reading.

    With it a process can wait for a moment without another query and without the machine's wall clock.
    """

    at: datetime
    monotonic: float

    @classmethod
    def of(cls, at: datetime) -> "Reading":
        return cls(at=at, monotonic=time.monotonic())

    def now(self) -> datetime:
        """PostgreSQL's clock at this moment, computed without a query."""
        return self.at + timedelta(seconds=time.monotonic() - self.monotonic)

    def monotonic_at(self, moment: datetime) -> float:
        """The value of `time.monotonic()` at a moment of PostgreSQL's clock."""
        return self.monotonic + (moment - self.at).total_seconds()
