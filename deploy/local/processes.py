"""Process trees, ports and waiting, for the private servers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

# Below the range Linux takes for outgoing connections (32768 and up), so that no client can hold
# a server's port while that server is down for a restart.
PORTS = range(15000, 32000)


class ServerFailed(RuntimeError):
    """A private server did not start, stop or respond; the text says which, and why."""


def free_port() -> int:
    for port in random.sample(PORTS, 200):  # not a secret  # nosec B311
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailed(f"no free port on 127.0.0.1 between {PORTS.start} and {PORTS.stop}")


def parents() -> dict[int, int]:
    """The parent's pid of every process on the machine, by pid."""
    found = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # The process ended while we looked.
            # The command's name, in parentheses, may hold spaces; the fields after it do not.
            found[int(pid)] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def descendants(pid: int) -> list[int]:
    tree, found = parents(), [pid]
    for ancestor in found:
        found += [child for child, parent in tree.items() if parent == ancestor]
    return found[1:]


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send the signal to a process, then to its descendants. In this order, because a stopped parent cannot fork."""
    # A killed parent's children pass to init, so list them before.
    family = [] if number == signal.SIGSTOP else descendants(pid)
    send(pid, number)
    for child in family or descendants(pid):
        send(child, number)


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(ready: Callable[[], bool], *, timeout_s: float, every_s: float = 0.05) -> bool:
    """Call `ready` every `every_s` until it is true; return False if that takes longer than `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
