"""Typed reading of the environment: a missing or wrong value stops the start with its name and what is expected."""

import os
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

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


def url(name: str, expected: str, *, schemes: set[str], default: str | None = None) -> str:
    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
            raise ValueError(name)
        return raw.rstrip("/")

    return _read(name, expected, parse, default)


def mail(name: str, *, default: str) -> dict[str, Any]:
    """Django's EMAIL_* settings from a URL."""

    def parse(raw: str) -> dict[str, Any]:
        return dict(_env.email_url_config(raw))

    return _read(name, "smtp://user:password@host:587 or smtp+tls://…", parse, parse(default))


def database(name: str) -> dict[str, Any]:
    expected = "postgres://user:password@host:5432/name"
    value = url(name, expected, schemes={"postgres", "postgresql"})
    parsed: dict[str, Any] = _env.db_url_config(value)
    if not parsed.get("NAME"):
        raise ImproperlyConfigured(f"{name} is wrong: expected {expected}.")
    return parsed
