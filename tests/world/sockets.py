"""TCP connections of a process: they lead from a database session to the process that holds it."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit


def ports_to(url: str, pid: int) -> set[int]:
    """The local ports of the connections that a process has to a server on this machine. Empty if the process has
    ended.

    Connections to different servers may have the same local port.
    """
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    sockets = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    ours = [fields for fields in sockets if fields[9] in inodes]
    return {_port(local) for _, local, remote, *_ in ours if _port(remote) == urlsplit(url).port}


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
