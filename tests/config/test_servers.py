"""URLs of the mail server and the cache. URLs of the database and the broker: test_environment.py."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import servers

_MAIL = "django.core.mail.backends."
_CACHE = "django.core.cache.backends."


def mail(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("EMAIL_URL", url)
    return servers.mail("EMAIL_URL", default="consolemail://")


def cache(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("CACHE_URL", url)
    return servers.cache("CACHE_URL", default="locmemcache://")


def test_a_mail_server_has_a_host_a_port_and_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mail("smtp://me%40example.org:p%3A%2F%40+ss@mail.example:587", monkeypatch) == {
        "EMAIL_BACKEND": f"{_MAIL}smtp.EmailBackend",
        "EMAIL_HOST": "mail.example",
        "EMAIL_PORT": 587,
        "EMAIL_HOST_USER": "me@example.org",
        "EMAIL_HOST_PASSWORD": "p:/@+ss",
        "EMAIL_USE_TLS": False,
        "EMAIL_USE_SSL": False,
        "EMAIL_FILE_PATH": "",
    }


@pytest.mark.parametrize(
    ("scheme", "tls", "ssl"),
    [("smtp", False, False), ("smtps", True, False), ("smtp+tls", True, False), ("smtp+ssl", False, True)],
)
def test_the_scheme_says_how_mail_is_encrypted(
    scheme: str, tls: bool, ssl: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = mail(f"{scheme}://mail.example", monkeypatch)
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"], found["EMAIL_PORT"]) == (tls, ssl, None)


@pytest.mark.parametrize(
    ("url", "backend", "folder"),
    [
        ("consolemail://", "console", ""),
        ("dummymail://", "dummy", ""),
        ("memorymail://", "locmem", ""),
        ("filemail:///var/mail%20box", "filebased", "var/mail box"),
    ],
)
def test_mail_need_not_leave_the_machine(url: str, backend: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = mail(url, monkeypatch)
    assert (found["EMAIL_BACKEND"], found["EMAIL_FILE_PATH"]) == (f"{_MAIL}{backend}.EmailBackend", folder)


@pytest.mark.parametrize("url", ["mail.example", "http://host", "smtp://host:port", "smtp://host?email_use_tls=1"])
def test_a_wrong_mail_server_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^EMAIL_URL is wrong: expected smtp://"):
        mail(url, monkeypatch)


@pytest.mark.parametrize(
    ("url", "backend", "location"),
    [
        ("locmemcache://", "locmem.LocMemCache", ""),
        ("dummycache://", "dummy.DummyCache", ""),
        ("dbcache://cache_table", "db.DatabaseCache", "cache_table"),
        ("filecache:///var/cache/alertme", "filebased.FileBasedCache", "/var/cache/alertme"),
        ("pymemcache://one:11211,two:11211", "memcached.PyMemcacheCache", ["one:11211", "two:11211"]),
        ("pymemcache:///run/memcached.sock", "memcached.PyMemcacheCache", "unix:/run/memcached.sock"),
        ("rediscache://host:6379/1", "redis.RedisCache", ["redis://host:6379/1"]),
        ("rediscache://:p%40ss@host:6379/1", "redis.RedisCache", ["redis://:p%40ss@host:6379/1"]),
        ("rediss://one:1/2,", "redis.RedisCache", ["rediss://one:1/2,"]),
        ("redis://one:1,two:2/3", "redis.RedisCache", ["redis://one:1/3", "redis://two:2/3"]),
        ("rediscache:///run/redis.sock", "redis.RedisCache", ["unix:///run/redis.sock"]),
    ],
)
def test_a_cache_has_a_place(url: str, backend: str, location: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache(url, monkeypatch) == {"BACKEND": f"{_CACHE}{backend}", "LOCATION": location, "OPTIONS": {}}


def test_a_caches_query_is_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cache("locmemcache://?max_entries=10000&timeout=None&key_prefix=a", monkeypatch)
    assert (found["TIMEOUT"], found["KEY_PREFIX"], found["OPTIONS"]) == (None, "a", {"MAX_ENTRIES": 10_000})
    found = cache("rediscache://host?Max_Connections=7&timeout=60", monkeypatch)
    assert (found["TIMEOUT"], found["OPTIONS"]) == (60, {"max_connections": 7})


@pytest.mark.parametrize("url", ["host:6379", "http://host", "//host"])
def test_a_wrong_cache_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^CACHE_URL is wrong: expected a cache's URL"):
        cache(url, monkeypatch)
