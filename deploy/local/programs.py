"""Writes the configuration with which supervisord runs the production processes on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local.environment import ROOT

# Threads of each queue's worker. In the emergency and messages workers an event loop does the waiting.
WORKERS = {"emergency": 4, "messages": 4, "geo": 4, "media": 2, "default": 4}
SCHEDULERS = 2
WORKER_SHUTDOWN_MS = 20_000
# Longer than a worker takes to finish what it has begun, or supervisord kills it in the middle of an attempt.
STOP_WAIT_S = 30

SUPERVISOR = """\
[supervisord]
nodaemon=true
directory={root}
logfile=/dev/null
logfile_maxbytes=0
pidfile={var}/supervisord.pid
childlogdir={var}
silent=true

[unix_http_server]
file={var}/supervisor.sock
chmod=0700

[supervisorctl]
serverurl=unix://{var}/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command={command}
directory={root}
environment={environment}
numprocs={copies}
process_name=%(program_name)s-%(process_num)d
autorestart=true
; A worker whose child was killed ends itself and is restarted at once. One that cannot start is tried again and again.
startsecs=1
startretries=1000000
stopwaitsecs={stop_wait}
; Only the master is told to stop, and tells its children. A worker that is told twice breaks off its attempts.
stopasgroup=false
killasgroup=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
redirect_stderr=true
"""


@dataclass(frozen=True)
class Program:
    name: str
    command: str
    environment: str = ""
    copies: int = 1


def programs(*, sandbox: bool) -> list[Program]:
    python = sys.executable
    gunicorn = f"{python} -m gunicorn --config deploy/gunicorn.conf.py config.wsgi"
    chosen = [
        Program("web", gunicorn),
        Program("scheduler", f"{python} manage.py runscheduler", copies=SCHEDULERS),
        *(worker(queue, threads) for queue, threads in WORKERS.items()),
    ]
    if sandbox:
        chosen.append(Program("sandbox", f"{python} manage.py runsandbox", 'ALLOW_SANDBOX="1"'))
    return chosen


def worker(queue: str, threads: int) -> Program:
    return Program(
        f"worker-{queue}",
        f"{sys.executable} manage.py rundramatiq --queues {queue} --processes 1 --threads {threads}"
        f" --worker-shutdown-timeout {WORKER_SHUTDOWN_MS}",
        # Look for rare messages every 100 ms, and hold only as many messages as there are threads.
        f'dramatiq_worker_timeout="100",dramatiq_queue_prefetch="{threads}"',
    )


def supervisor_configuration(var: Path, *, sandbox: bool) -> str:
    sections = [SUPERVISOR.format(root=ROOT, var=var)]
    for program in programs(sandbox=sandbox):
        sections.append(
            PROGRAM.format(
                name=program.name,
                command=program.command,
                environment=program.environment,
                copies=program.copies,
                root=ROOT,
                stop_wait=STOP_WAIT_S,
            )
        )
    return "".join(sections)
