"""Which process has a TCP connection: how a database session is traced to the process that holds it."""

from contextlib import suppress
from pathlib import Path


def owner_of_local_port(port: int) -> int:
    """The id of the process whose socket is bound to this local port. Raises LookupError."""
    inodes = {
        fields[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if int((fields := line.split())[1].rpartition(":")[2], 16) == port and fields[9] != "0"
    }
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) in wanted:
                return int(link.parts[2])
    raise LookupError(f"no process has a socket on local port {port}")
