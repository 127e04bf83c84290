"""A private RabbitMQ node, from the binaries installed on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import ClassVar

import pika

from deploy.local.processes import ServerFailed, free_port, send, wait_until
from deploy.local.server import PrivateServer

VIRTUAL_HOST = "alertme"
# The name can be the same everywhere: each node, or cluster, has a name server (epmd) of its own.
NODE = "alertme{number}@localhost"
MEMORY_WATERMARK = 0.4

DEFINITIONS = {
    "users": [{"name": "guest", "password": "guest", "tags": "administrator"}],
    # Queues of this virtual host are quorum queues, although the code names no type: see deploy/rabbitmq/.
    "vhosts": [
        {
            "name": VIRTUAL_HOST,
            "default_queue_type": "quorum",
            "metadata": {"default_queue_type": "quorum"},
        }
    ],
    "permissions": [
        {"user": "guest", "vhost": VIRTUAL_HOST, "configure": ".*", "write": ".*", "read": ".*"},
    ],
}

CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp_port}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {metrics_port}
load_definitions = {definitions}
vm_memory_high_watermark.relative = {watermark}
# The default of 512 MB a file is for busy servers.
raft.wal_max_size_bytes = 33554432
"""

# With this a new node finds the first node of its cluster, and joins it.
JOIN = """\
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = {first}
cluster_formation.classic_config.nodes.2 = {own}
"""

LIST_QUEUES = """\
lists:flatten(["\\n", [begin {{ok, Ready, _}} = rabbit_amqqueue:stat(Q), {{resource, _, _, Name}} = element(2, Q),
io_lib:format("~s ~p~n", [Name, Ready]) end || Q <- rabbit_amqqueue:list(<<"{virtual_host}">>)]]).
"""
# RabbitMQ writes a quorum queue's name to disk up to 2 s after declaring it. One declared just before kill() comes
# back empty and without a leader, and each call about it waits 5 s for one.
ELECT_LEADERS = """\
[ra:trigger_election(amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(<<"{virtual_host}">>)].
"""
ADD_VIRTUAL_HOST = """\
rabbit_vhost:add(<<"{name}">>, <<"us">>), rabbit_auth_backend_internal:set_permissions(
<<"guest">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, <<"us">>).
"""
SET_WATERMARK = "vm_memory_monitor:set_vm_memory_high_watermark({watermark})."
ALARMS = "rabbit_alarm:get_alarms()."
CONNECTIONS = "length(rabbit_networking:local_connections())."
NODES = "rabbit_nodes:all_running()."
# The policy is changed and never deleted: a quorum queue of 3.10 would keep the last limit.
LIMIT = """\
rabbit_policy:set(<<"{virtual_host}">>, <<"limit">>, <<".*">>,
[{{<<"max-length">>, {length}}}, {{<<"overflow">>, <<"reject-publish">>}}], 0, <<"queues">>, <<"alertme">>).
"""


def server_program() -> Path | None:
    """The script that starts a node; None without one. Not Debian's script in PATH: it changes user and folder."""
    versions = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"), key=version_of)
    folders = [*reversed(versions), Path("/opt/rabbitmq/sbin"), Path("/usr/local/sbin"), Path("/opt/homebrew/sbin")]
    return next((folder / "rabbitmq-server" for folder in folders if is_complete(folder)), None)


def version_of(sbin: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", sbin.parent.name)]


def is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("rabbitmq-server", "rabbitmqctl"))


def erlang_program(name: str) -> str:
    beside_runtime = sorted(Path("/usr/lib/erlang").glob(f"erts-*/bin/{name}"))
    found = shutil.which(name) or (str(beside_runtime[-1]) if beside_runtime else None)
    if found is None:
        raise ServerFailed(f"Erlang's {name} is not installed")
    return found


class PrivateRabbitMQ(PrivateServer):
    name: ClassVar[str] = "RabbitMQ"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path | None = None, *, joins: PrivateRabbitMQ | None = None, number: int = 1) -> None:
        """`joins` is the first node of a cluster, which must run. Each node of a cluster has its own `number`."""
        super().__init__(folder)
        self.port, self.metrics_port, self._dist_port, self._epmd_port = (free_port() for _ in range(4))
        self.node = NODE.format(number=number)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._first = joins
        if joins is not None:
            self._epmd_port = joins._epmd_port

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{VIRTUAL_HOST}"

    def memory_alarm(self, on: bool) -> None:
        """Raise or clear the memory alarm, which blocks publishers. Waits for it; raises ServerFailed after 10 s."""
        self._evaluate(SET_WATERMARK.format(watermark="1.0e-9" if on else MEMORY_WATERMARK))
        if not wait_until(lambda: ("memory" in self._evaluate(ALARMS)) is on, timeout_s=10):
            raise ServerFailed(f"the memory alarm did not turn {'on' if on else 'off'}")

    def full(self, on: bool) -> None:
        """If `on`, make every queue that holds a message refuse further ones, like a full queue; else undo it."""
        self._evaluate(LIMIT.format(virtual_host=VIRTUAL_HOST, length=0 if on else 1_000_000))

    def connections(self) -> int:
        """Number of clients that are connected to this node."""
        return int(self._evaluate(CONNECTIONS))

    def running_nodes(self) -> set[str]:
        """The running nodes of the cluster, as this node sees them."""
        return set(re.findall(r"[\w@]+", self._evaluate(NODES)))

    def add_virtual_host(self, name: str) -> str:
        """Add a virtual host that the user guest may use, with RabbitMQ's default type of queue. Returns its URL."""
        self._evaluate(ADD_VIRTUAL_HOST.format(name=name))
        return f"{self.url.rpartition('/')[0]}/{name}"

    def queue_depths(self) -> dict[str, int]:
        """Messages that are ready for delivery in each queue. Messages that a worker holds do not count.

        Right after a restart a queue may read 0 until its leader is elected: ask again.
        """
        listing = self._evaluate(LIST_QUEUES.format(virtual_host=VIRTUAL_HOST))
        pairs = (line.rsplit(" ", 1) for line in listing.splitlines() if line)
        return {queue: int(ready) for queue, ready in pairs}

    def published_total(self) -> int:
        """Messages received from publishers since the node started, as RabbitMQ counts them itself."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as reply:  # nosec B310
            text = reply.read().decode()
        counts = re.findall(r"^rabbitmq_global_messages_received_total\{[^}]*} (\d+)", text, re.MULTILINE)
        return sum(map(int, counts))

    def purge(self, queue: str) -> None:
        """Delete the messages that are ready in a queue."""
        with contextlib.closing(pika.BlockingConnection(pika.URLParameters(self.url))) as connection:
            connection.channel().queue_purge(queue)

    def reset(self) -> None:
        """Delete every queue of the virtual host, with its messages."""
        self._evaluate(ELECT_LEADERS.format(virtual_host=VIRTUAL_HOST))
        with contextlib.closing(pika.BlockingConnection(pika.URLParameters(self.url))) as connection:
            channel = connection.channel()
            for queue in self.queue_depths():
                channel.queue_delete(queue)

    def _prepare(self) -> None:
        home = self.folder / "home"
        for folder in (home, self.folder / "mnesia", self.folder / "log"):
            folder.mkdir(exist_ok=True)
        self._cookie_file = home / ".erlang.cookie"
        if not self._cookie_file.exists():
            # Nodes of one cluster know each other by it.
            self._cookie_file.write_text(self._first._cookie if self._first else secrets.token_hex(20))
            self._cookie_file.chmod(0o400)
        definitions = self.folder / "definitions.json"
        definitions.write_text(json.dumps(DEFINITIONS))
        (self.folder / "enabled_plugins").write_text("[rabbitmq_prometheus].\n")
        configuration = CONFIGURATION.format(
            amqp_port=self.port,
            metrics_port=self.metrics_port,
            definitions=definitions,
            watermark=MEMORY_WATERMARK,
        )
        if self._first is not None:
            configuration += JOIN.format(first=self._first.node, own=self.node)
        (self.folder / "rabbitmq.conf").write_text(configuration)

    @property
    def _cookie(self) -> str:
        return self._cookie_file.read_text()

    def _launch(self) -> subprocess.Popen[bytes]:
        program = server_program()
        if program is None:
            raise ServerFailed("RabbitMQ's server (rabbitmq-server) is not installed")
        self._start_epmd()
        return self._spawn([str(program)])

    def _start_epmd(self) -> None:
        # Erlang would otherwise start one in the background, and nothing would ever end it.
        if self._first is None and (self._epmd is None or self._epmd.poll() is not None):
            port = str(self._epmd_port)
            self._epmd = self._spawn([erlang_program("epmd"), "-port", port, "-address", "127.0.0.1"])

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        foreign = ("RABBITMQ_", "ERL_", "NOTIFY_SOCKET")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return inherited | {
            "HOME": str(self.folder / "home"),
            "RABBITMQ_NODENAME": self.node,
            # This file does not exist, so that the machine's own is not read.
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "generated"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_CRASH_DUMP": "/dev/null",
            # The start script then becomes the node itself, so that signals to our child reach the node.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _is_ready(self) -> bool:
        with socket.socket() as probe:  # First without pika, which logs every refusal as an error.
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        try:
            pika.BlockingConnection(pika.URLParameters(f"{self.url}?connection_attempts=1")).close()
        except pika.exceptions.AMQPError:
            return False
        return True

    def _companions(self) -> list[int]:
        return [self._epmd.pid] if self._epmd else []

    def _evaluate(self, expressions: str) -> str:
        """Let the node evaluate Erlang and return the result as text.

        Raises ServerFailed. rabbitmqctl takes 100 times longer.
        """
        call = subprocess.run(
            [erlang_program("erl_call"), "-sname", self.node, "-c", self._cookie, "-e"],
            env=self._environment(),
            input=expressions + "\n",
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )
        if call.returncode or not call.stdout.startswith("{ok, "):
            raise ServerFailed(f"RabbitMQ did not answer: {call.stdout}{call.stderr}")
        return call.stdout.removeprefix("{ok, ").removesuffix("}").strip('"').replace("\\n", "\n")

    def close(self) -> None:
        super().close()
        if self._epmd is not None:
            send(self._epmd.pid, signal.SIGKILL)
            self._epmd.wait()
            self._epmd = None
