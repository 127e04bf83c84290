"""Prints the output of the demo on a terminal or into a log: plain lines, each flushed at once."""

import time
from contextlib import suppress
from typing import TextIO

from config.demo.embedded import leave_if_asked

_BOLD, _GREEN, _RED, _PLAIN = "\033[1m", "\033[32m", "\033[31m", "\033[0m"


class Timeline:
    """Prints the demo's events. Times are milliseconds since the last `begin`. Colour is for terminals only."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._has_colour = stream.isatty()
        self._began_at = time.time()
        self._noted: list[tuple[float, str]] = []

    def begin(self, title: str) -> None:
        """Begin a new part of the story, whose clock starts now."""
        self.show()
        self.line()
        self.line(title, style=_BOLD)
        self._began_at = time.time()

    def event(self, text: str, *, at: float | None = None) -> None:
        """Note that something happened now, or at a Unix time. The next `show` prints it, in the order of time."""
        self._noted.append((at or time.time(), text))

    def show(self) -> None:
        leave_if_asked()
        for at, text in sorted(self._noted):
            self.line(f"  +{self.ms_of(at):6d} ms  {text}")
        self._noted.clear()

    def ms_of(self, at: float) -> int:
        return round((at - self._began_at) * 1000)

    def success(self, text: str) -> None:
        self.line(text, style=_GREEN)

    def failure(self, text: str) -> None:
        self.show()
        self.line(text, style=_RED)

    def line(self, text: str = "", *, style: str = "") -> None:
        # The reader may be gone (a closed pipe or terminal): the servers must still be stopped in order.
        with suppress(OSError):
            self._stream.write(f"{style}{text}{_PLAIN}\n" if style and self._has_colour else f"{text}\n")
            self._stream.flush()
