"""The scheduler grants slots to messages, publishes hints, and does work that no worker has done in time.

Run two or more. Locks of rows in PostgreSQL decide which scheduler does which work.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import psycopg
import structlog
from django.db import Error as DatabaseError
from django.db import connection

from alerts.actors import check_timers
from alerts.escalation import steps as escalation
from alerts.timers import expiry
from config import actors, deadletters, periodic
from config.apart import Apart
from config.models import SchedulerTick
from config.relay import Relay
from geo import evaluation, hints
from geo.actors import evaluate_fixes
from messaging import policy
from messaging.actors import deliver
from messaging.database import clock, notices
from messaging.database.each import count_each
from messaging.delivery import courier, dispatch, outages, sweeping
from messaging.models import Deliverer
from messaging.operations.alarms import alarm
from messaging.reports import settling, watching

log = structlog.get_logger(__name__)

# If a notice is lost, its rows are found after this time.
POLL_S = 0.5
RESCUE_EVERY_S = 0.1
SWEEP_EVERY_S = 0.5
SETTLE_EVERY_S = 0.25
WATCH_EVERY_S = 1.0
PERIODIC_EVERY_S = 1.0
# One hint is for all uploads of a tenth of a second. At some hundred uploads a second, a hint for each would cost more
# than their evaluation.
HINT_EVERY_S = 0.1
# An activity timer is promised to fire within 1.5 s.
TIMERS_EVERY_S = 0.2
# /readyz fails if slots were last granted longer ago than this. A granting pass takes milliseconds and follows the last
# within POLL_S.
GRANT_WITHIN_S = 3.0
# After an error a loop waits this time, to spare a database that is out of reach.
PAUSE_S = 0.5


class Scheduler:
    """Repeats each kind of work in its own thread: a provider that hangs or a slow sweep delays no grant of slots."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._relay = Relay()
        self._courier = courier.courier(by=Deliverer.SCHEDULER)
        self._notices = Notices(notices.CHANNEL)
        self._uploads = Notices(hints.CHANNEL)
        self._steps = Notices(escalation.CHANNEL)
        self._granted_at = time.monotonic()

    def run(self) -> None:
        """Run until `stop` is called, then wait for the attempts that have begun, at most DRAIN_S (`courier.drain`)."""
        steps: list[tuple[Callable[[], object], float]] = [
            (self._rescue, RESCUE_EVERY_S),
            (sweeping.sweep, SWEEP_EVERY_S),
            (outages.reroute, SWEEP_EVERY_S),
            (Apart(settling.senders_in_doubt, partial(settling.settle, self._courier)), SETTLE_EVERY_S),
            (Apart(watching.senders_to_watch, partial(watching.watch, self._courier)), WATCH_EVERY_S),
            (self._check_timers, TIMERS_EVERY_S),
            (self._replay, PERIODIC_EVERY_S),
            (self._ask_for_due_work, PERIODIC_EVERY_S),
            # Work that is still being done, or that fails, is asked for again when it is next due.
            (Apart(periodic.take_neglected, _do_neglected), PERIODIC_EVERY_S),
            (self._take_hastened_steps, 0),
            (self._hint_positions, HINT_EVERY_S),
            (_evaluate_neglected, RESCUE_EVERY_S),
            (self._tick, PERIODIC_EVERY_S),
        ]
        threads = [threading.Thread(target=self._repeat, args=step, daemon=True) for step in steps]
        for thread in threads:
            thread.start()
        log.info("scheduler_started")
        # An SOS waits for these statements. One session of PostgreSQL has them prepared: keep its connection.
        self._repeat(self._grant, 0, keeps_connection=True)
        for thread in threads:
            thread.join(timeout=5)
        courier.drain()
        log.info("scheduler_stopped")

    def stop(self) -> None:
        self._stop.set()

    def _repeat(self, step: Callable[[], object], every_s: float, *, keeps_connection: bool = False) -> None:
        while not self._stop.is_set():
            pause_s, is_kept = every_s, keeps_connection
            try:
                step()
            except DatabaseError as error:
                log.warning("database_error", error=type(error).__name__)
                pause_s, is_kept = PAUSE_S, False
            except Exception:
                # An error in one pass must not end the work that everything waits for.
                log.exception("scheduler_pass_failed")
                pause_s, is_kept = PAUSE_S, False
            finally:
                # Give the connection back to the pool. After an error it may be broken, and the pool drops it.
                if not is_kept:
                    with suppress(DatabaseError):
                        connection.close()
            self._stop.wait(pause_s)

    def _grant(self) -> None:
        are_waiting = dispatch.grant_all(
            lambda hint: self._relay.send(deliver, hint.message_ids, hint.sender_id, to=hint.queue)
        )
        self._granted_at = time.monotonic()
        self._notices.wait(policy.HORIZON.total_seconds() / 2 if are_waiting else dispatch.until_due_s(POLL_S))

    def _hint_positions(self) -> None:
        for person_ids in hints.take_due():
            self._relay.send(evaluate_fixes, person_ids)
        self._uploads.wait(POLL_S)

    def _tick(self) -> None:
        """Store the time as SchedulerTick, which /readyz reads, if slots were last granted within GRANT_WITHIN_S."""
        if time.monotonic() - self._granted_at < GRANT_WITHIN_S:
            SchedulerTick.objects.update_or_create(id=1, defaults={"at": clock.now()})

    def _rescue(self) -> None:
        overdue = sweeping.overdue()
        deliver_each = (partial(self._courier.deliver, ids, sender_id=sender) for sender, ids in overdue.items())
        rescued = count_each(deliver_each, failed="messages_not_rescued")
        if rescued:
            alarm("workers_did_not_deliver", now=clock.now(), messages=rescued)

    def _check_timers(self) -> None:
        if expiry.is_anything_due():
            self._relay.send(check_timers)
        if rescued := expiry.check(older_than=expiry.RESCUE_AFTER):
            log.warning("timers_fired_by_scheduler", timers=rescued)

    def _replay(self) -> None:
        for letter_id, message in deadletters.take_replays().items():
            self._relay.publish(message, then=partial(deadletters.confirm_replay, letter_id))

    def _ask_for_due_work(self) -> None:
        for name in periodic.take_due():
            self._relay.send(actors.run_periodic, name)

    def _take_hastened_steps(self) -> None:
        """Publish the hint "escalate" when a notice says that a step became due early, for example after a refused SMS.

        So the call does not wait for the next second.
        """
        if self._steps.wait(POLL_S):
            self._relay.send(actors.run_periodic, "escalate")


def _do_neglected(name: str) -> None:
    alarm("workers_did_not_run", now=clock.now(), periodic=name)
    periodic.run(name)


def _evaluate_neglected() -> None:
    """Evaluate fixes that no worker has evaluated in time (`hints.take_neglected`): broker or workers may be away."""
    evaluation.evaluate(hints.take_neglected())


class Notices:
    """Listens to one channel of PostgreSQL's NOTIFY. It has its own connection, which never returns to the pool."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._connection: psycopg.Connection | None = None

    def wait(self, timeout_s: float) -> bool:
        """Wait for a notice; return whether one came within `timeout_s`.

        Without a connection to the database, waits `timeout_s` and returns False.
        """
        try:
            for _ in self._connected().notifies(timeout=timeout_s, stop_after=1):
                return True
        except psycopg.Error as error:
            log.warning("listen_failed", error=type(error).__name__)
            self._connection = None
            time.sleep(timeout_s)
        return False

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            parameters = connection.get_connection_params()
            for ours in ("pool", "cursor_factory", "context", "prepare_threshold"):
                parameters.pop(ours, None)
            parameters["options"] = "-c idle_session_timeout=0"
            self._connection = psycopg.connect(**parameters, autocommit=True)
            self._connection.execute(f"LISTEN {self._channel}")
        return self._connection
