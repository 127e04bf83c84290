"""Points: named steps on the path of a message. The process that comes to an armed point first kills or freezes itself.

A test arms a point by a file that names the signal. The process that renames the file is struck, once.
"""

import os
import signal
import threading
from pathlib import Path

from deploy.local.processes import send, wait_until

FOLDER = "FAULT_POINTS"

# In the order of the path. "before commit": in the transaction. "after commit": before anybody learns of it.
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
    """Strike this process if the point is armed. Costs one system call otherwise."""
    armed = Path(os.environ[FOLDER], point)
    hit = armed.with_name(f"{point}.{os.getpid()}")
    try:
        armed.rename(hit)
    except FileNotFoundError:
        return
    # The signal goes to this very thread, which stops before its next instruction. Another thread may take a signal
    # that is sent to the process, and this one would get as far as its commit.
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
        """The id of the process that was struck at the point, and the Unix time of the strike."""
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
        """Disarm every point, and let frozen processes go on."""
        for file in self.folder.iterdir():
            if file.suffix and file.read_text() == signal.SIGSTOP.name:
                send(int(file.suffix[1:]), signal.SIGCONT)
            file.unlink(missing_ok=True)
        self._frozen.clear()
