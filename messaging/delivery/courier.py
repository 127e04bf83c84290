"""Delivering: claims go to the process's one event loop, so that no thread waits for the provider."""

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
from messaging.delivery.outcomes import Recorder, Result
from messaging.models import Channel, Deliverer, MessageClass
from messaging.providers import NOT_SENT, Kind, Outcome, Provider, SendRequest
from messaging.providers.registry import PROVIDERS

log = structlog.get_logger(__name__)
T = TypeVar("T")

# Calls of one sender in flight in one process; what is more waits here, before it is claimed.
MAX_IN_FLIGHT = 500
DRAIN_S = 17.0
# What a message leaves behind is freed by reference counts: cycles are rare, and looking for them often is dear.
_ALLOCATIONS_PER_COLLECTION = 50_000
# A second call asks first whether it is still wanted; a database that does not answer by then must not stop it.
ASK_S = 0.5


class Courier:
    """One event loop, a provider for each channel and one recorder; made after the fork, by the first delivery."""

    def __init__(self, *, by: Deliverer) -> None:
        self.by = by
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="courier", daemon=True).start()
        self._providers: dict[Channel, Provider] = {}
        # What an SOS leaves by is ready before the first comes; the others are made when they are needed.
        self.run(self.provider(Channel.SMS))
        self._recorder = Recorder(by=by, on_recorded=self._land)
        self._changed = threading.Condition()
        self._in_flight: Counter[int] = Counter()
        # Sender -> ids that found its calls at their limit, in order. No thread waits with them, so that a sender
        # whose calls hang never keeps another's messages waiting.
        self._waiting: dict[int, dict[int, None]] = {}
        threading.Thread(target=self._deliver_waiting, name="claimer", daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for it."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    async def provider(self, channel: Channel) -> Provider:
        """The channel's provider, made in the loop by whoever asks first."""
        if channel not in self._providers:
            self._providers[channel] = PROVIDERS[channel]()
        return self._providers[channel]

    def deliver(self, message_ids: Sequence[int], *, sender_id: int = 0) -> int:
        """Claim these and hand them to the loop; returns how many were ours at once. Safe to call twice.

        `sender_id` is whose they were when granted; 0, that nobody has said.
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
        """Runs in a thread of its own: what waits is claimed as calls of its sender end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._with_room() is not None)
                sender_id = cast(int, self._with_room())
                ids = list(islice(self._waiting[sender_id], policy.HINT_SIZE))
                self._waiting[sender_id] = dict.fromkeys(list(self._waiting[sender_id])[len(ids) :])
                self._in_flight[sender_id] += len(ids)
            try:
                self._claim(ids, sender_id=sender_id)
            except Exception as error:  # noqa: BLE001 the thread must go on; they are found by age
                log.warning("waiting_not_claimed", count=len(ids), error=type(error).__name__)
            finally:
                connection.close()

    def _with_room(self) -> int | None:
        """A sender of whose calls fewer are in flight than may be, and of which messages wait."""
        return next((s for s, ids in self._waiting.items() if ids and self._in_flight[s] < MAX_IN_FLIGHT), None)

    def drain(self, timeout_s: float = DRAIN_S) -> bool:
        """Wait until every call has ended and is recorded; False if the time did not suffice."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._in_flight.total(), timeout_s)

    def stop_claiming(self) -> None:
        """Leave what waits to others, who find it by age."""
        with self._changed:
            self._waiting.clear()

    def close(self) -> None:
        self.stop_claiming()
        self.drain()
        for provider in self._providers.values():
            self.run(provider.close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _land(self, results: Sequence[Result]) -> None:
        with self._changed:
            self._in_flight.subtract(result.claim.sender_id for result in results)
            self._changed.notify_all()

    def _begin(self, taken: list[Claim]) -> None:
        for claimed in taken:
            task = self._loop.create_task(self._send(claimed))
            _running.add(task)
            task.add_done_callback(_running.discard)

    async def _send(self, claimed: Claim) -> None:
        # Unless the machine was busy, claims come before their slot.
        if (wait_s := claimed.reading.monotonic_at(claimed.slot_at) - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        if _is_too_late(claimed) or (claimed.attempt > 1 and not await _is_open(claimed)):
            outcome = NOT_SENT
        else:
            try:
                outcome = await self._call(claimed)
            except Exception as error:  # a call that nobody recorded would keep its place for ever
                log.exception("call_failed", message_id=claimed.message_id)
                outcome = Outcome(kind=Kind.UNKNOWN, code=type(error).__name__)
        self._recorder.put(Result(claim=claimed, outcome=outcome))

    async def _call(self, claimed: Claim) -> Outcome:
        try:
            text = encryption.unseal(claimed.text)
        except encryption.Unreadable:
            return Outcome(kind=Kind.CONFIGURATION, code="text_unreadable")
        provider = await self.provider(Channel(claimed.channel))
        now, monotonic_at = time.monotonic(), claimed.reading.monotonic_at
        # The provider writes nothing later than SHORTEST_CALL before the end: nor, so, after the message's deadline.
        ends_at = min(claimed.call_ends_at, claimed.deadline_at + policy.SHORTEST_CALL)
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
    """A process that was frozen between claim and call must neither burst nor call past its deadline; a text whose
    own deadline has passed has nothing to say any more."""
    now, monotonic_at = time.monotonic(), claimed.reading.monotonic_at
    return (
        pacing.is_late(now - monotonic_at(claimed.slot_at), each=claimed.each)
        or monotonic_at(claimed.call_ends_at) - now < policy.SHORTEST_CALL.total_seconds()
        or monotonic_at(claimed.deadline_at) <= now
    )


async def _is_open(claimed: Claim) -> bool:
    try:
        return await asyncio.wait_for(asyncio.to_thread(claims.is_open, claimed), ASK_S)
    except TimeoutError:
        return True


# The loop itself keeps only weak references to its tasks.
_running: set[asyncio.Task[None]] = set()


_couriers: dict[Deliverer, Courier] = {}
_making = threading.Lock()


def courier(*, by: Deliverer) -> Courier:
    """This process's courier in a role; in the embedded mode one process has both."""
    with _making:
        if by not in _couriers:
            _raise_socket_limit()
            _couriers[by] = Courier(by=by)
        return _couriers[by]


def _raise_socket_limit() -> None:
    """As many sockets as the system lets us have: each sender whose calls hang may hold MAX_IN_FLIGHT of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def warm_up() -> None:
    """Make the worker's courier, its first database connection and the SDK's lazy imports before they are needed."""
    courier(by=Deliverer.WORKER)
    try:
        clock.now()
    except DatabaseError as error:
        log.warning("warm_up_without_database", error=type(error).__name__)
    finally:
        connection.close()
    # What is loaded now stays: the collector need not walk through it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)


def drain() -> None:
    """Finish what this process has begun to send."""
    for by, working in _couriers.items():
        working.stop_claiming()
        if not working.drain():
            log.error("shutdown_left_calls_unfinished", by=by)
