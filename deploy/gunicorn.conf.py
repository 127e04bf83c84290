# ruff: noqa: N999  (gunicorn looks for a file of this name)
"""gunicorn's settings for `make up`, the Docker image and compose. Environment variables change some of them."""

import os

bind = os.environ.get("BIND", "127.0.0.1:8000")

# Requests wait for PostgreSQL, not for the processor: few processes, more threads. Two processes, so that
# one can be replaced while the other answers.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# Not preloaded: all processes would share a connection pool or a broker that was made before the fork.
preload_app = False

# Seconds after which a silent worker is killed. Uploads of evidence over 2G take minutes in a thread and do not count:
# with gthread the worker itself stays responsive.
timeout = 30
graceful_timeout = 25
keepalive = 15  # longer than between two polls of the contacts' page

# Limits of a request, before Django sees it.
limit_request_line = 4094
limit_request_fields = 50
limit_request_field_size = 8190

# While many people press at once, messages that were accepted leave before more presses are taken: the processes that
# grant slots and send come before these at the processor.
NICE = 5


def post_fork(server: object, worker: object) -> None:
    """gunicorn calls this in each new worker process."""
    os.nice(NICE)


# Processes are replaced, which bounds leaks; the jitter keeps them from being replaced together.
max_requests = 20_000
max_requests_jitter = 2_000

# No access log here: the path of a contacts' page (/a/...) is a secret. The error log and Django's leave it out.
accesslog = None
logger_class = "config.redaction.GunicornLogger"
errorlog = "-"
loglevel = "warning"

# Proxies that may name the client's IP address and scheme. gunicorn reads FORWARDED_ALLOW_IPS in the same way itself.
# It is written out because leaving it open would let a client claim any IP address.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
