"""Which process has a TCP connection: how a database session is traced to the process that holds it."""

from contextlib import suppress
from pathlib import Path


def local_ports(pid: int) -> set[int]:
    """The local ports of a process's TCP sockets; none if it has gone."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    sockets = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {int(fields[1].rpartition(":")[2], 16) for fields in sockets if fields[9] in inodes}
