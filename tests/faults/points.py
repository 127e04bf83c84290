"""Points: named steps on the path of a message at which the process that comes there first kills or freezes itself.

A test arms a point with a file that names the signal; whoever renames it is the one that is struck, once."""

import os
import signal
import threading
from pathlib import Path

from deploy.local.processes import send, wait_until

FOLDER = "FAULT_POINTS"

# In the order of the path. "before commit": in the transaction; "after commit": before anybody is told.
POINTS = (
    "sos before commit",
    "sos after commit",
    "notice received",
    "grant before commit",
    "grant after commit",
    "hint published",
    "claim before commit",
    "claim after commit",
    "hint not acknowledged",
    "request not written",
    "request written",
    "reply not recorded",
    "record before commit",
    "record after commit",
    "callback before commit",
    "callback after commit",
)


def reached(point: str) -> None:
    """Called in the processes: costs one system call unless the point is armed."""
    armed = Path(os.environ[FOLDER], point)
    hit = armed.with_name(f"{point}.{os.getpid()}")
    try:
        armed.rename(hit)
    except FileNotFoundError:
        return
    # Sent to this very thread: it stops before its next instruction. One sent to the process may be taken by another
    # thread, and this one gets as far as its commit meanwhile.
    signal.pthread_kill(threading.get_ident(), signal.Signals[hit.read_text()])


class Points:
    """The test's side of the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._frozen: list[int] = []

    def arm(self, point: str, number: signal.Signals) -> None:
        assert point in POINTS
        waiting = self.folder / "being-written"
        waiting.write_text(number.name)
        waiting.rename(self.folder / point)

    def wait_for_hit(self, point: str, *, timeout_s: float) -> tuple[int, float]:
        """The process that was struck at the point, and when (Unix time)."""
        hits: list[Path] = []

        def hit() -> bool:
            hits[:] = self.folder.glob(f"{point}.*")
            return bool(hits)

        assert wait_until(hit, timeout_s=timeout_s, every_s=0.01), f"nobody came to {point!r}"
        pid = int(hits[0].suffix[1:])
        if hits[0].read_text() == signal.SIGSTOP.name:
            self._frozen.append(pid)
        return pid, hits[0].stat().st_ctime

    def thaw(self) -> None:
        for pid in self._frozen:
            send(pid, signal.SIGCONT)
        self._frozen.clear()

    def clear(self) -> None:
        """Disarm what nobody came to; what is frozen goes on."""
        for file in self.folder.iterdir():
            if file.suffix and file.read_text() == signal.SIGSTOP.name:
                send(int(file.suffix[1:]), signal.SIGCONT)
            file.unlink(missing_ok=True)
        self._frozen.clear()
