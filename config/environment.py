"""Typed reading of the environment: a missing or wrong value stops the start with its name and what is expected."""

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

T = TypeVar("T")
_env = environ.Env()


def _read(name: str, expected: str, parse: Callable[[str], T], default: T | None) -> T:
    # Not through environ, which takes a value that begins with $ for the name of another variable.
    raw = os.environ.get(name, "").strip()
    if not raw:
        if default is None:
            raise ImproperlyConfigured(f"{name} is missing: expected {expected}.")
        return default
    try:
        return parse(raw)
    except (ValueError, ImproperlyConfigured) as error:
        # The value itself may be a secret and is not repeated.
        raise ImproperlyConfigured(f"{name} is wrong: expected {expected}.") from error


def text(name: str, expected: str, *, pattern: str = r".+", default: str | None = None, min_length: int = 0) -> str:
    def parse(raw: str) -> str:
        if len(raw) < min_length or not re.fullmatch(pattern, raw, re.DOTALL):
            raise ValueError(name)
        return raw

    return _read(name, expected, parse, default)


def boolean(name: str, *, default: bool) -> bool:
    def parse(raw: str) -> bool:
        return {"true": True, "1": True, "yes": True, "on": True}.get(raw.lower()) or _false(raw)

    return _read(name, "true or false", parse, default)


def _false(raw: str) -> bool:
    if raw.lower() not in {"false", "0", "no", "off"}:
        raise ValueError(raw)
    return False


def number(name: str, expected: str, *, minimum: float, maximum: float, default: float | None = None) -> float:
    def parse(raw: str) -> float:
        value = float(raw)
        if not minimum <= value <= maximum:
            raise ValueError(name)
        return value

    return _read(name, expected, parse, default)


def words(name: str, expected: str, *, pattern: str, default: list[str] | None = None) -> list[str]:
    """A comma-separated list, each item matching `pattern`."""

    def parse(raw: str) -> list[str]:
        items = [item.strip() for item in raw.split(",") if item.strip()]
        if not items or not all(re.fullmatch(pattern, item) for item in items):
            raise ValueError(name)
        return items

    return _read(name, expected, parse, default)


def caps(name: str, *, default: str) -> dict[str, int]:
    """Messages a day by class, like "verification=5000,routine=50000"."""
    pattern = r"(verification|safety|routine)=\d{1,9}"
    found = words(name, f"class=messages a day, like {default}", pattern=pattern, default=default.split(","))
    return {kind: int(cap) for kind, _, cap in (word.partition("=") for word in found)}


def sizes(name: str, *, default: str) -> dict[str, int]:
    """Megabytes by kind of evidence, like "audio=100,photo=25"; kinds that are left out have their default."""
    pattern = r"(audio|video|photo)=[1-9]\d{0,5}"
    found = words(name, f"kind=megabytes, like {default}", pattern=pattern, default=[])
    return {kind: int(size) for kind, _, size in (word.partition("=") for word in [*default.split(","), *found])}


def url(name: str, expected: str, *, schemes: set[str], default: str | None = None) -> str:
    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
            raise ValueError(name)
        return raw.rstrip("/")

    return _read(name, expected, parse, default)


def zone(name: str, *, default: str) -> ZoneInfo:
    return _read(name, "a time zone like Asia/Bishkek", ZoneInfo, ZoneInfo(default))


def mail(name: str, *, default: str) -> dict[str, Any]:
    """Django's EMAIL_* settings from a URL."""

    def parse(raw: str) -> dict[str, Any]:
        return dict(_env.email_url_config(raw))

    return _read(name, "smtp://user:password@host:587 or smtp+tls://…", parse, parse(default))


def cache(name: str, *, default: str) -> dict[str, Any]:
    """Django's CACHES entry from a URL."""

    def parse(raw: str) -> dict[str, Any]:
        return dict(_env.cache_url_config(raw))

    return _read(name, "a cache's URL like locmemcache:// or rediscache://host:6379/1", parse, parse(default))


def bucket(prefix: str) -> dict[str, Any] | None:
    """The options of alerts.evidence.s3.Bucket; None when no bucket is named."""
    name = text(f"{prefix}_BUCKET", "a bucket's name", pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", default="")
    if not name:
        return None
    if find_spec("storages") is None:
        raise ImproperlyConfigured(f"{prefix}_BUCKET is set: pip install -r requirements-s3.txt first.")
    options = {
        "bucket_name": name,
        "endpoint_url": url(f"{prefix}_ENDPOINT", "the store's URL", schemes={"http", "https"}, default=""),
        "region_name": text(f"{prefix}_REGION", "a region like eu-central-1", pattern=r"[a-z0-9-]{1,40}", default=""),
        "access_key": text(f"{prefix}_ACCESS_KEY", "an access key's id", pattern=r"\S{3,128}", default=""),
        "secret_key": text(f"{prefix}_SECRET_KEY", "the access key's secret", pattern=r"\S{8,}", default=""),
    }
    if bool(options["access_key"]) is not bool(options["secret_key"]):
        raise ImproperlyConfigured(f"{prefix}_SECRET_KEY is missing, or {prefix}_ACCESS_KEY: expected both or neither.")
    return {option: value or None for option, value in options.items()}


_DATABASE = "postgres://user:password@host:5432/name, further hosts after a comma"
_HOST = r"/.+|[\w.:-]+"  # A folder: the server's Unix socket is in it.
# Sessions that can only read are of no use; "any" is for a proxy that chooses the server itself.
_SESSIONS = {"any", "read-write", "primary"}


def database(name: str) -> dict[str, Any]:
    """Django's DATABASES entry of a libpq URL; what its query says stands in OPTIONS.

    Of several hosts the one that takes writes is used, and of one no session that takes none, unless
    `target_session_attrs` says otherwise.
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
        parts.setdefault("target_session_attrs", "read-write")
        # The session's own settings are the engine's: its timeouts depend on them.
        if "options" in parts or parts["target_session_attrs"] not in _SESSIONS or not parts.get("dbname"):
            raise ValueError(name)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.pop("dbname"),
            "USER": parts.pop("user", ""),
            "PASSWORD": parts.pop("password", ""),
            "HOST": ",".join(hosts),
            "PORT": ports if ports.strip(",") else "",
            "OPTIONS": parts,
        }

    return _read(name, _DATABASE, parse, None)


def _hosts(listed: str) -> list[str]:
    hosts = listed.split(",")
    if not all(re.fullmatch(_HOST, host) for host in hosts):
        raise ValueError("host")
    return hosts


def _check_ports(listed: str, *, hosts: int) -> None:
    """libpq takes one port for all hosts, or one for each; an empty one is 5432."""
    ports = listed.split(",")
    if len(ports) not in (1, hosts) or not all(port == "" or 0 < int(port) < 65536 for port in ports):
        raise ValueError("port")


_BROKER = "amqp://user:password@host:5672/vhost, further nodes' URLs after a comma"


def broker(name: str) -> list[str]:
    """The URLs of the cluster's nodes, in the order in which they are tried; `memory://` stands alone."""

    def parse(raw: str) -> list[str]:
        # Only where the next URL begins: a password may hold commas.
        urls = re.split(r"\s*[,;]\s*(?=\w+://)", raw)
        for item in urls:
            parts = urlsplit(item)
            if parts.scheme not in {"amqp", "amqps", "memory"} or not parts.hostname or parts.port == 0:
                raise ValueError(name)
        if len(urls) > 1 and any(item.startswith("memory:") for item in urls):
            raise ValueError(name)
        return urls

    return _read(name, _BROKER, parse, None)
