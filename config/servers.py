"""Reads the URLs of servers from environment variables: the database, the broker's nodes, the cache, the mail server.

A wrong URL, or a missing one without a default, raises ImproperlyConfigured (config/environment.py).
"""

import re
from ast import literal_eval
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from config.environment import read

_DATABASE = "postgres://user:password@host:5432/name, further hosts after a comma"
_HOST = r"/.+|[\w.:-]+"  # A folder holds the server's Unix socket.
# A session that can only read is of no use; "any" is for a proxy that chooses the server itself.
_SESSIONS = {"any", "read-write", "primary"}
# The URL may name other values of these.
_CONNECTION = {
    "target_session_attrs": "read-write",
    # A server that vanishes silently is noticed within seconds, long before the kernel would notice. One attempt is
    # shorter than the pool's timeout, so the pool still has time to try the next host.
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    # PostgreSQL binds the values: writing arrays into the statement cost much time in Python. A statement is prepared
    # when a connection sends it for the second time, because a pooled connection sends the same statement rarely.
    # Therefore no statement may select `*`: a column that a migration adds would change a prepared statement's result.
    "server_side_binding": True,
    "prepare_threshold": 1,
}
_OURS = {
    # The pool reconnects at doubling intervals and gives up after 2 s. The next request then opens a new connection at
    # once, so the first request after a server's return is already served.
    "pool": {"min_size": 1, "max_size": 20, "timeout": 4, "max_lifetime": 1800, "reconnect_timeout": 2},
    # A process that freezes inside a transaction loses its locks. Code that locks rows which others wait for sets
    # shorter timeouts (messaging/database/clock.py).
    "options": "-c idle_in_transaction_session_timeout=10s -c statement_timeout=30s -c lock_timeout=5s",
}


def database(name: str) -> dict[str, Any]:
    """Django's DATABASES entry for the libpq URL in this variable; the URL's query goes into OPTIONS.

    If the URL names several hosts, connections go to the one that accepts writes, unless the URL sets
    `target_session_attrs`.
    """

    def parse(raw: str) -> dict[str, Any]:
        if urlsplit(raw).scheme not in {"postgres", "postgresql"}:
            raise ValueError(name)
        try:
            parts = conninfo_to_dict(raw)
        except psycopg.ProgrammingError:
            raise ValueError(name) from None  # Its text repeats the URL, with the password.
        hosts, ports = _hosts(str(parts.pop("host", ""))), str(parts.pop("port", ""))
        _check_ports(ports, hosts=len(hosts))
        # The session's settings are ours: the engine depends on its timeouts.
        if "options" in parts or not parts.get("dbname"):
            raise ValueError(name)
        entry = {"NAME": parts.pop("dbname"), "USER": parts.pop("user", ""), "PASSWORD": parts.pop("password", "")}
        options = _CONNECTION | parts | _OURS
        if options["target_session_attrs"] not in _SESSIONS:
            raise ValueError(name)
        return entry | {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": ",".join(hosts),
            "PORT": ports if ports.strip(",") else "",
            "CONN_MAX_AGE": 0,  # Django refuses any other value together with a pool.
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": options,
        }

    return read(name, _DATABASE, parse, None)


def _hosts(listed: str) -> list[str]:
    hosts = listed.split(",")
    if not all(re.fullmatch(_HOST, host) for host in hosts):
        raise ValueError("host")
    return hosts


def _check_ports(listed: str, *, hosts: int) -> None:
    """Raise ValueError unless libpq accepts the list: one port for all hosts, or one for each. Empty means 5432."""
    ports = listed.split(",")
    if len(ports) not in (1, hosts) or not all(port == "" or 0 < int(port) < 65536 for port in ports):
        raise ValueError("port")


_BROKER = "amqp://user:password@host:5672/vhost, further nodes' URLs after a comma"


def broker(name: str) -> list[str]:
    """The URLs of RabbitMQ's nodes in this variable, in the order in which they are tried; or only `memory://`."""

    def parse(raw: str) -> list[str]:
        # Split only where the next URL begins: a password may hold commas.
        urls = re.split(r"\s*[,;]\s*(?=\w+://)", raw)
        for item in urls:
            parts = urlsplit(item)
            if parts.scheme not in {"amqp", "amqps", "memory"} or not parts.hostname or parts.port == 0:
                raise ValueError(name)
        if len(urls) > 1 and any(item.startswith("memory:") for item in urls):
            raise ValueError(name)
        return urls

    return read(name, _BROKER, parse, None)


_MAILERS = {
    "consolemail": "console",
    "filemail": "filebased",
    "memorymail": "locmem",
    "dummymail": "dummy",
    **dict.fromkeys(("smtp", "smtps", "smtp+tls", "smtp+ssl"), "smtp"),
}


def mail(name: str, *, default: str) -> dict[str, Any]:
    """Django's EMAIL_* settings for the URL in this variable."""

    def parse(raw: str) -> dict[str, Any]:
        parts = urlsplit(raw)
        if parts.query:
            raise ValueError(name)
        return {
            "EMAIL_BACKEND": f"django.core.mail.backends.{_MAILERS[parts.scheme]}.EmailBackend",
            "EMAIL_HOST": parts.hostname,
            "EMAIL_PORT": parts.port,
            "EMAIL_HOST_USER": unquote(parts.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
            "EMAIL_USE_TLS": parts.scheme in {"smtps", "smtp+tls"},
            "EMAIL_USE_SSL": parts.scheme == "smtp+ssl",
            "EMAIL_FILE_PATH": unquote(parts.path[1:]),
        }

    return read(name, "smtp://user:password@host:587 or smtp+tls://…", parse, parse(default))


_CACHES = {
    "locmemcache": "locmem.LocMemCache",
    "dummycache": "dummy.DummyCache",
    "dbcache": "db.DatabaseCache",
    "filecache": "filebased.FileBasedCache",
    "pymemcache": "memcached.PyMemcacheCache",
    "pylibmc": "memcached.PyLibMCCache",
    **dict.fromkeys(("rediscache", "redis", "rediss"), "redis.RedisCache"),
}


def cache(name: str, *, default: str) -> dict[str, Any]:
    """Django's CACHES entry for the URL in this variable.

    The URL's query goes into OPTIONS, or beside OPTIONS if Django has the setting there.
    """

    def parse(raw: str) -> dict[str, Any]:
        parts = urlsplit(raw)
        backend = f"django.core.cache.backends.{_CACHES[parts.scheme]}"
        # Redis takes its options as keyword arguments, the other caches as constants.
        is_redis = parts.scheme.startswith("redis")
        said = {key: _literal(value) for key, value in parse_qsl(parts.query)}
        beside = {key.upper() for key in said} & {"TIMEOUT", "KEY_PREFIX", "VERSION", "KEY_FUNCTION"}
        options = {key.lower() if is_redis else key.upper(): said[key] for key in said if key.upper() not in beside}
        return {
            "BACKEND": backend,
            "LOCATION": _redis(parts) if is_redis else _location(parts),
            **{key.upper(): said[key] for key in said if key.upper() in beside},
            "OPTIONS": options,
        }

    return read(name, "a cache's URL like locmemcache:// or rediscache://host:6379/1", parse, parse(default))


def _redis(parts: SplitResult) -> list[str]:
    scheme = parts.scheme.removesuffix("cache") if parts.hostname else "unix"
    return [f"{scheme}://{host}{parts.path}" for host in parts.netloc.split(",")]


def _location(parts: SplitResult) -> str | list[str]:
    if parts.scheme == "filecache":
        return parts.netloc + parts.path
    if parts.scheme == "pymemcache" and not parts.netloc:
        return f"unix:{parts.path}"
    return parts.netloc.split(",") if "," in parts.netloc else parts.netloc


def _literal(value: str) -> Any:
    try:
        return literal_eval(value)
    except (ValueError, SyntaxError):
        return value
