"""Ends a private server when the program that started it is gone, even if that program was killed.

The keeper is a process of its own, and reads a pipe from the program. Each line names the processes to end when the
pipe closes; the line `done` ends the keeper. PR_SET_PDEATHSIG does not help: it fires when the starting *thread* ends,
and servers are started in parallel threads.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local.processes import is_alive, send, signal_tree, wait_until

ROOT = Path(__file__).resolve().parents[2]


class Keeper:
    """The program's side: starts a keeper process and writes to its pipe."""

    def __init__(self, *, lock: int | None = None, remove: Path | None = None, grace_s: float = 3) -> None:
        """`remove` is a folder to delete with the server. `lock` is a file descriptor that the keeper holds open."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(grace_s), str(remove or "")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            text=True,
            pass_fds=[] if lock is None else [lock],
            start_new_session=True,  # A Ctrl-C meant for the program must not end the keeper first.
        )

    def watch(self, *pids: int) -> None:
        self._say(" ".join(map(str, pids)))

    def dismiss(self) -> None:
        self._say("done")
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def end(pids: list[int], grace_s: float) -> None:
    for pid in pids:
        signal_tree(pid, signal.SIGCONT)  # A frozen process would not get the next signal.
        # To both servers this means "stop now, finish nothing"; they still free their shared memory.
        send(pid, signal.SIGQUIT)
    wait_until(lambda: not any(map(is_alive, pids)), timeout_s=grace_s)
    for pid in pids:
        signal_tree(pid, signal.SIGKILL)


def main() -> None:
    pids: list[int] = []
    for line in sys.stdin:
        if line == "done\n":
            return
        pids = [int(word) for word in line.split()]
    grace_s, folder = sys.argv[1:]
    end(pids, float(grace_s))
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
