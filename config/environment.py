"""Reads typed values from environment variables. A missing or wrong value raises ImproperlyConfigured at start.

The error gives the variable's name and the expected value, never the value itself.
"""

import logging
import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

_LINE = re.compile(r"""(?:export )?(?P<name>\w+)=(?:'(?P<literal>.*)'|"(?P<quoted>.*)"|(?P<bare>.*))""", re.ASCII)


def load(path: Path) -> None:
    """Set the environment variables in a `.env` file, except those that are set already. A missing file sets nothing.

    A comment has a line of its own. In double quotes a backslash keeps the character after it, except r, n and t.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if parts := _LINE.fullmatch(line):
            quoted = re.sub(r"\\([^rnt])", r"\1", parts["quoted"] or "")
            found[parts["name"]] = parts["literal"] or quoted or parts["bare"] or ""
        elif line.strip() and not line.lstrip().startswith("#"):
            # The line itself may hold a secret and is not repeated.
            logging.getLogger(__name__).warning("%s: line %d is not NAME=value and is ignored", path, number)
    for name, value in found.items():
        os.environ.setdefault(name, value)


def given(name: str) -> str:
    """The value of the variable, or the content of the file that NAME_FILE names, like a Docker secret.

    "" if neither is set. Raises ImproperlyConfigured if both are set or the file cannot be read.
    """
    value, file = (os.environ.get(each, "").strip() for each in (name, f"{name}_FILE"))
    if not file:
        return value
    if value:
        raise ImproperlyConfigured(f"{name}_FILE is wrong: expected no file, because {name} is set too.")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise ImproperlyConfigured(f"{name}_FILE is wrong: expected the path of a text file.") from None


def read(name: str, expected: str, parse: Callable[[str], T], default: T | None) -> T:
    """The parsed variable, or `default` if it is not set. Raises ImproperlyConfigured when there is no default.

    `parse` raises ValueError or LookupError for a wrong value, which becomes ImproperlyConfigured too.
    """
    value = given(name)
    if not value:
        if default is None:
            raise ImproperlyConfigured(f"{name} is missing: expected {expected}.")
        return default
    try:
        return parse(value)
    except (ValueError, LookupError) as error:
        # The value itself may be a secret and is not repeated.
        raise ImproperlyConfigured(f"{name} is wrong: expected {expected}.") from error


def text(name: str, expected: str, *, pattern: str = r".+", default: str | None = None, min_length: int = 0) -> str:
    def parse(raw: str) -> str:
        if len(raw) < min_length or not re.fullmatch(pattern, raw, re.DOTALL):
            raise ValueError(name)
        return raw

    return read(name, expected, parse, default)


def boolean(name: str, *, default: bool) -> bool:
    words = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)
    return read(name, "true or false", lambda raw: words[raw.lower()], default)


def number(name: str, expected: str, *, minimum: float, maximum: float, default: float | None = None) -> float:
    def parse(raw: str) -> float:
        value = float(raw)
        if not minimum <= value <= maximum:
            raise ValueError(name)
        return value

    return read(name, expected, parse, default)


def words(name: str, expected: str, *, pattern: str, default: list[str] | None = None) -> list[str]:
    """A comma-separated list, each item matching `pattern`."""

    def parse(raw: str) -> list[str]:
        items = [item.strip() for item in raw.split(",") if item.strip()]
        if not items or not all(re.fullmatch(pattern, item) for item in items):
            raise ValueError(name)
        return items

    return read(name, expected, parse, default)


def data_keys(name: str) -> list[str]:
    """The entries of DATA_KEYS (messaging/keyring.py): keys of 50 or more characters, first perhaps `plain`."""
    expected = "keys of 50 or more random characters, comma-separated, before them perhaps the word plain"

    def parse(raw: str) -> list[str]:
        entries = [entry.strip() for entry in raw.split(",")]
        keys = entries[1:] if entries[0] == "plain" else entries
        if not keys or len(set(keys)) < len(keys) or min(map(len, keys)) < 50:
            raise ValueError(name)
        return entries

    return read(name, expected, parse, None)


def caps(name: str, *, default: str) -> dict[str, int]:
    """The daily cap of each class, from words like "verification=5000,routine=50000".

    A class without a word has no cap.
    """
    pattern = r"(verification|safety|routine)=\d{1,9}"
    found = words(name, f"class=messages a day, like {default}", pattern=pattern, default=default.split(","))
    return {kind: int(cap) for kind, _, cap in (word.partition("=") for word in found)}


def sizes(name: str, *, default: str) -> dict[str, int]:
    """Megabytes by kind of evidence, like "audio=100,photo=25". A kind that is left out has its default."""
    pattern = r"(audio|video|photo)=[1-9]\d{0,5}"
    found = words(name, f"kind=megabytes, like {default}", pattern=pattern, default=[])
    return {kind: int(size) for kind, _, size in (word.partition("=") for word in [*default.split(","), *found])}


def url(name: str, expected: str, *, schemes: set[str], default: str | None = None) -> str:
    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
            raise ValueError(name)
        return raw.rstrip("/")

    return read(name, expected, parse, default)


def zone(name: str, *, default: str) -> ZoneInfo:
    return read(name, "a time zone like Asia/Bishkek", ZoneInfo, ZoneInfo(default))


def bucket(prefix: str) -> dict[str, Any] | None:
    """The options of alerts.evidence.s3.Bucket from the variables PREFIX_BUCKET and so on; None without that one."""
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
