"""Stores the newest messages and calls of the sandbox in bounded memory, indexed by sid and by phone."""

import os
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

KEPT_MESSAGES = 200_000
# Characters of all texts and callback URLs together, which bounds the memory also for long texts.
KEPT_CHARACTERS = 50_000_000

# The statuses of a call that has ended.
ENDED = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})

# Seconds that two readings of the clock may differ when a timer fires exactly on time.
CLOCK_GRAIN_S = 1e-6


@dataclass(frozen=True, slots=True)
class Plan:
    """The life of a message: `steps` are (seconds after arrival, Twilio status), in order of time.

    `error_code`: Twilio's code after a failed end. `callbacks`: whether callbacks are posted. `copies`: how often each
    callback is posted.
    """

    steps: tuple[tuple[float, str], ...] = ((0.15, "sent"), (0.4, "delivered"))
    error_code: int | None = None
    callbacks: bool = True
    copies: int = 1


@dataclass(slots=True, eq=False)
class CallFacts:
    """The facts of a call that a message does not have. `action` is the URL to which a pressed key is posted.

    `digits` are the keys that the person presses, one each time the call asks. `pressed` are the keys pressed so far,
    with their monotonic times. `replies` are the texts that the call said after each pressed key.
    """

    action: str
    events: frozenset[str]
    digits: str = ""
    pressed: list[tuple[float, str]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Message:
    """A message, or a call if it has `call`; the `body` of a call is its spoken text.

    `arrived_at` is Unix time. `born` is the same instant on the monotonic clock, by which the steps of the plan run.
    """

    serial: int
    sid: str
    to: str
    sender: str | None
    service_sid: str | None
    body: str
    segments: int
    callback_url: str
    arrived_at: float
    born: float
    plan: Plan
    # Seconds for which the provider was asked to try (ValidityPeriod).
    validity_s: int | None = None
    call: CallFacts | None = None

    def steps_taken(self, now: float) -> int:
        """The number of steps of the plan that are over at `now` (monotonic seconds)."""
        age = now - self.born + CLOCK_GRAIN_S
        taken = 0
        for after, _ in self.plan.steps:
            if after > age:
                break
            taken += 1
        return taken

    def status(self, now: float) -> str:
        """Twilio's status of the message at `now`. The status follows from the clock, so no message needs a timer."""
        taken = self.steps_taken(now)
        if taken:
            status = self.plan.steps[taken - 1][1]
            # Twilio reports "initiated" by callback, but never shows it in the resource.
            return "queued" if status == "initiated" else status
        return "accepted" if self.service_sid else "queued"

    def error_code(self, now: float) -> int | None:
        return self.plan.error_code if self.status(now) in ("undelivered", "failed") else None

    def time_of(self, status: str, now: float) -> float | None:
        """The seconds from the arrival to this step of the plan; None if the step is not over at `now`."""
        return next((after for after, name in self.plan.steps[: self.steps_taken(now)] if name == status), None)

    def talked_s(self, now: float) -> int:
        """Whole seconds between the answer and the planned end of a call, at least 1; 0 before an answer."""
        begun = self.time_of("in-progress", now)
        return 0 if begun is None else max(1, round(self.plan.steps[-1][0] - begun))

    def changed_since(self, since: float, now: float) -> bool:
        pressed = self.call.pressed if self.call else ()
        moments = [self.born, *(self.born + after for after, _ in self.plan.steps), *(at for at, _ in pressed)]
        return self.born > since or any(since < moment <= now for moment in moments)


class Store:
    """Keeps the newest messages and calls, up to KEPT_MESSAGES of them with KEPT_CHARACTERS in all.

    Adding takes constant time. A full store removes its oldest message, which is also the oldest of its phone.
    """

    def __init__(self, *, kept_messages: int = KEPT_MESSAGES, kept_characters: int = KEPT_CHARACTERS) -> None:
        self._kept_messages = kept_messages
        self._kept_characters = kept_characters
        self._serial = 0
        self._epoch = 0
        # A random part of `epoch`, so that readers notice a new server on the same port.
        self._run = os.urandom(4).hex()
        self._clear()

    def _clear(self) -> None:
        self._characters = 0
        self._messages: deque[Message] = deque()
        self._by_sid: dict[str, Message] = {}
        self._by_phone: OrderedDict[str, deque[Message]] = OrderedDict()

    def reset(self) -> None:
        """Delete every message. Serial numbers go on, so a cursor from before finds only newer messages."""
        self._epoch += 1
        self._clear()

    @property
    def epoch(self) -> str:
        """A text that changes with every reset and every start. Readers drop everything read in another epoch."""
        return f"{self._run}-{self._epoch}"

    def add(
        self,
        *,
        to: str,
        sender: str | None,
        service_sid: str | None,
        body: str,
        segments: int,
        callback_url: str,
        arrived_at: float,
        plan: Plan,
        validity_s: int | None = None,
        call: CallFacts | None = None,
    ) -> Message:
        self._serial += 1
        sid = ("CA" if call else "SM") + os.urandom(16).hex()
        message = Message(
            self._serial,
            sid,
            to,
            sender,
            service_sid,
            body,
            segments,
            callback_url,
            arrived_at,
            time.monotonic(),
            plan,
            validity_s,
            call,
        )
        self._by_sid[sid] = message
        self._messages.append(message)
        phone = self._by_phone.get(to)
        if phone is None:
            phone = self._by_phone[to] = deque()
        else:
            self._by_phone.move_to_end(to)
        phone.append(message)
        self._characters += len(body) + len(callback_url)
        self._evict()
        return message

    def _evict(self) -> None:
        while len(self._messages) > self._kept_messages or self._characters > self._kept_characters:
            oldest = self._messages.popleft()
            del self._by_sid[oldest.sid]
            self._characters -= len(oldest.body) + len(oldest.callback_url)
            phone = self._by_phone[oldest.to]
            phone.popleft()
            if not phone:
                del self._by_phone[oldest.to]

    def __len__(self) -> int:
        return len(self._messages)

    def get(self, sid: str) -> Message | None:
        return self._by_sid.get(sid)

    def newest_first(self, to: str = "") -> Iterator[Message]:
        """All messages, or only those to the phone number `to`, newest first."""
        return reversed(self._by_phone.get(to, deque()) if to else self._messages)

    def after(self, serial: int) -> Iterator[Message]:
        """Messages with a higher serial, oldest first."""
        if not self._messages:
            return iter(())
        # Serials have no gaps within an epoch, so this is the number of messages to skip.
        skip = max(0, serial + 1 - self._messages[0].serial)
        if skip > len(self._messages) // 2:
            count = len(self._messages) - skip
            newest = [message for message, _ in zip(reversed(self._messages), range(count), strict=False)]
            return reversed(newest)
        return (message for message in self._messages if message.serial > serial)

    def phones(self) -> Iterator[tuple[str, deque[Message]]]:
        """Pairs of a number and its messages, oldest first. The phone with the newest message comes first."""
        return reversed(self._by_phone.items())
