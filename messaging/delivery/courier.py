"""Sends claimed messages: the courier's event loop makes the create requests of all claims, so no thread of a worker
waits for a reply.
"""

import asyncio
import gc
import resource
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, TypeVar, cast

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from messaging import encryption, policy
from messaging.database import clock
from messaging.delivery import claims, pacing
from messaging.delivery.claims import Claim
from messaging.delivery.outcomes import FinishedAttempt, OutcomeWriter
from messaging.models import Channel, Deliverer, MessageClass
from messaging.providers import NOT_SENT, Kind, Outcome, Provider, SendRequest
from messaging.providers.registry import PROVIDERS

log = structlog.get_logger(__name__)
T = TypeVar("T")

# At most this many create requests of one sender are open in one process. Further messages wait here unclaimed.
MAX_IN_FLIGHT = 500
# Seconds that a shutdown waits for open attempts: longer than any attempt lasts (policy.LEASE).
DRAIN_S = 17.0
# Python looks for reference cycles after this many allocations. A sent message rarely leaves one, and each search takes
# processor time.
_ALLOCATIONS_PER_COLLECTION = 50_000
# A second attempt first asks the database whether it is still needed. After this many seconds without a reply it is
# sent all the same.
ASK_S = 0.5


class Courier:
    """Sends the claimed messages of this process: one event loop, one provider for each channel and one writer of
    outcomes.

    `courier()` makes it in the process that uses it, never at import: threads and loops do not survive a fork.
    """

    def __init__(self, *, by: Deliverer) -> None:
        self.by = by
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="courier", daemon=True).start()
        self._providers: dict[Channel, Provider] = {}
        # The provider of SMS is made now, so that it is ready before the first SOS. Others are made at their first
        # message.
        self.run(self.provider(Channel.SMS))
        self._writer = OutcomeWriter(by=by, on_written=self._land)
        self._changed = threading.Condition()
        self._in_flight: Counter[int] = Counter()
        # Sender -> ids of messages beyond its MAX_IN_FLIGHT, in order. No thread waits for them, so a sender whose
        # requests hang delays no other sender's messages.
        self._waiting: dict[int, dict[int, None]] = {}
        threading.Thread(target=self._deliver_waiting, name="claimer", daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop, wait for it and return its result. Never call this inside the loop."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    async def provider(self, channel: Channel) -> Provider:
        """Return the channel's provider. The first call makes the provider, inside the loop."""
        if channel not in self._providers:
            self._providers[channel] = PROVIDERS[channel]()
        return self._providers[channel]

    def deliver(self, message_ids: Sequence[int], *, sender_id: int = 0) -> int:
        """Claim these messages and hand them to the loop; return the number of messages claimed. Safe to call twice.

        `sender_id` is the sender at which the messages were granted slots; 0 if it is not known. While the sender has
        MAX_IN_FLIGHT requests in this process, the messages wait here unclaimed, and the result is 0.
        """
        with self._changed:
            if self._in_flight[sender_id] >= MAX_IN_FLIGHT:
                self._waiting.setdefault(sender_id, {}).update(dict.fromkeys(message_ids))
                return 0
            self._in_flight[sender_id] += len(message_ids)
        return self._claim(message_ids, sender_id=sender_id)

    def _claim(self, message_ids: Sequence[int], *, sender_id: int) -> int:
        taken: list[Claim] = []
        try:
            taken = claims.claim(message_ids, by=self.by)
        finally:
            with self._changed:
                self._in_flight[sender_id] -= len(message_ids)
                self._in_flight.update(claimed.sender_id for claimed in taken)
                self._changed.notify_all()
        if taken:
            self._loop.call_soon_threadsafe(self._begin, taken)
        return len(taken)

    def _deliver_waiting(self) -> None:
        """Claim messages of `_waiting`, up to HINT_SIZE at once, if their sender has fewer than MAX_IN_FLIGHT requests.

        Runs in the thread "claimer" until the process ends.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._with_room() is not None)
                sender_id = cast(int, self._with_room())
                ids = list(islice(self._waiting[sender_id], policy.HINT_SIZE))
                self._waiting[sender_id] = dict.fromkeys(list(self._waiting[sender_id])[len(ids) :])
                self._in_flight[sender_id] += len(ids)
            try:
                self._claim(ids, sender_id=sender_id)
            except Exception as error:  # noqa: BLE001 the thread must go on; the rescue finds these messages by age
                log.warning("waiting_not_claimed", count=len(ids), error=type(error).__name__)
            finally:
                connection.close()

    def _with_room(self) -> int | None:
        """The id of the first sender with messages in `_waiting` and fewer than MAX_IN_FLIGHT open requests.

        None if there is no such sender.
        """
        return next((s for s, ids in self._waiting.items() if ids and self._in_flight[s] < MAX_IN_FLIGHT), None)

    def drain(self, timeout_s: float = DRAIN_S) -> bool:
        """Wait, at most `timeout_s`, until every attempt of this courier has ended and its outcome is written.

        Return whether that happened.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._in_flight.total(), timeout_s)

    def stop_claiming(self) -> None:
        """Drop the messages of `_waiting` without claiming them. They stay `dispatched`: a scheduler rescues them."""
        with self._changed:
            self._waiting.clear()

    def close(self) -> None:
        self.stop_claiming()
        self.drain()
        for provider in self._providers.values():
            self.run(provider.close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _land(self, batch: Sequence[FinishedAttempt]) -> None:
        with self._changed:
            self._in_flight.subtract(finished.claim.sender_id for finished in batch)
            self._changed.notify_all()

    def _begin(self, taken: list[Claim]) -> None:
        for claimed in taken:
            task = self._loop.create_task(self._send(claimed))
            _running.add(task)
            task.add_done_callback(_running.discard)

    async def _send(self, claimed: Claim) -> None:
        # A claim normally comes before its slot.
        if (wait_s := claimed.reading.monotonic_at(claimed.slot_at) - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        if _is_too_late(claimed) or (claimed.attempt > 1 and not await _is_open(claimed)):
            outcome = NOT_SENT
        else:
            try:
                outcome = await self._create(claimed)
            except Exception as error:  # an attempt without an outcome would count as in flight for ever
                log.exception("call_failed", message_id=claimed.message_id)
                outcome = Outcome(kind=Kind.UNKNOWN, code=type(error).__name__)
        self._writer.put(FinishedAttempt(claim=claimed, outcome=outcome))

    async def _create(self, claimed: Claim) -> Outcome:
        if not claimed.address:
            return Outcome(kind=Kind.CONFIGURATION, code="address_unreadable")
        try:
            text = encryption.decrypt(claimed.text)
        except encryption.Unreadable:
            return Outcome(kind=Kind.CONFIGURATION, code="text_unreadable")
        provider = await self.provider(Channel(claimed.channel))
        now, monotonic_at = time.monotonic(), claimed.reading.monotonic_at
        # A provider writes its request at least SHORTEST_ATTEMPT before `ends_at`: before the message's deadline.
        ends_at = min(claimed.attempt_ends_at, claimed.deadline_at + policy.SHORTEST_ATTEMPT)
        return await provider.send(
            SendRequest(
                attempt_id=claimed.attempt_id,
                message_id=claimed.message_id,
                message_class=MessageClass(claimed.message_class),
                address=claimed.address,
                text=text,
                language=claimed.language,
                recording=claimed.recording,
                origin=claimed.origin,
                messaging_service_sid=claimed.messaging_service_sid,
                validity_s=int(monotonic_at(claimed.deadline_at) - now),
                timeout_s=monotonic_at(ends_at) - now,
            )
        )


def _is_too_late(claimed: Claim) -> bool:
    """Whether to send nothing: the slot is missed, the attempt has less time left than SHORTEST_ATTEMPT, or the
    message's deadline has passed.

    A process that froze between the claim and the request may be too late. Its request would exceed the pace, or reach
    the reader when the text has lost its purpose.
    """
    now, monotonic_at = time.monotonic(), claimed.reading.monotonic_at
    return (
        pacing.is_late(now - monotonic_at(claimed.slot_at), each=claimed.each)
        or monotonic_at(claimed.attempt_ends_at) - now < policy.SHORTEST_ATTEMPT.total_seconds()
        or monotonic_at(claimed.deadline_at) <= now
    )


async def _is_open(claimed: Claim) -> bool:
    try:
        return await asyncio.wait_for(asyncio.to_thread(claims.is_open, claimed), ASK_S)
    except TimeoutError:
        return True


# The running tasks: the event loop itself keeps only weak references, so Python could discard them.
_running: set[asyncio.Task[None]] = set()


_couriers: dict[Deliverer, Courier] = {}
_making = threading.Lock()


def courier(*, by: Deliverer) -> Courier:
    """Return this process's courier for `by`; the first call makes it.

    A process has the courier of the worker or of the scheduler. Only `manage.py demo` has both in one process.
    """
    with _making:
        if by not in _couriers:
            _raise_socket_limit()
            _couriers[by] = Courier(by=by)
        return _couriers[by]


def _raise_socket_limit() -> None:
    """Allow as many sockets as the system permits: a sender whose requests hang holds MAX_IN_FLIGHT of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def warm_up() -> None:
    """Before the first message, make the worker's courier with Twilio's SDK, and open a database connection.

    A database that does not answer is only logged. Then exclude all loaded objects from garbage collection.
    """
    courier(by=Deliverer.WORKER)
    try:
        clock.now()
    except DatabaseError as error:
        log.warning("warm_up_without_database", error=type(error).__name__)
    finally:
        connection.close()
    # Everything loaded so far lives as long as the process: exclude it from the search for reference cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)


def drain() -> None:
    """For each courier of this process: drop the messages that wait unclaimed, and wait until the begun attempts have
    ended and their outcomes are written.

    The wait for one courier lasts at most DRAIN_S. If an attempt is unfinished then, an error is logged.
    """
    for by, working in _couriers.items():
        working.stop_claiming()
        if not working.drain():
            log.error("shutdown_left_calls_unfinished", by=by)
