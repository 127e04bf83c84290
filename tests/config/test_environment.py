"""A missing or wrong value stops the start with its name and what is expected, and never repeats the value."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment, logging

ROOT = Path(__file__).resolve().parents[2]

VALID = {
    "SECRET_KEY": "a-key-for-tests-only-of-more-than-fifty-characters-0123456789",
    "DEBUG": "False",
    "ALLOWED_HOSTS": "alertme.example",
    "PUBLIC_BASE_URL": "https://alertme.example",
    "DATABASE_URL": "postgres://nobody:secret@127.0.0.1:1/none",
    "RABBITMQ_URL": "amqp://nobody:secret@127.0.0.1:1/none",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "a-token-for-tests-only",
    "TWILIO_PHONE_NUMBER": "+15005550006",
}
REQUIRED = list(VALID.keys() - {"DEBUG"})

WRONG = [
    ("SECRET_KEY", "short"),
    ("SECRET_KEY_FALLBACKS", "short"),
    ("DEBUG", "maybe"),
    ("ALLOWED_HOSTS", "two words"),
    ("ALLOWED_HOSTS", ","),
    ("PUBLIC_BASE_URL", "alertme.example"),
    ("PUBLIC_BASE_URL", "ftp://alertme.example"),
    ("PUBLIC_BASE_URL", "https://"),
    ("PUBLIC_BASE_URL", "https://:443"),
    ("PUBLIC_BASE_URL", "https://alert_me.example"),
    ("PUBLIC_BASE_URL", "https://alertme.example:port"),
    ("PUBLIC_BASE_URL", "https://alertme.example:99999"),
    ("PUBLIC_BASE_URL", "https://[::1"),
    ("OPS_EMAILS", "nobody"),
    ("OPS_EMAILS", "ops@example.org;dev@example.org more"),
    ("NUM_PROXIES", "-1"),
    ("NUM_PROXIES", "one"),
    ("DATABASE_URL", "sqlite:///db.sqlite3"),
    ("DATABASE_URL", "postgres://user:secret@host"),
    ("DATABASE_URL", "postgres://user:secret@host:port/name"),
    ("RABBITMQ_URL", "http://host"),
    ("RABBITMQ_URL", "amqp://"),
    ("TWILIO_ACCOUNT_SID", "AC0"),
    ("TWILIO_ACCOUNT_SID", "SM" + "0" * 32),
    ("TWILIO_AUTH_TOKEN", "short"),
    ("TWILIO_AUTH_TOKEN_FALLBACKS", "short"),
    ("DAILY_CAPS", "emergency=5"),
    ("DAILY_CAPS", "routine=many"),
    ("DAILY_CAPS", "routine"),
    ("TWILIO_PHONE_NUMBER", "996-700-123456"),
    ("TWILIO_PHONE_NUMBER", "+0700123456"),
    ("TWILIO_PHONE_NUMBER", "AlertMe of Kyrgyzstan"),
    ("TWILIO_MESSAGING_SERVICE_SID", "MG0"),
    ("TWILIO_API_BASE_URL", "api.twilio.com"),
    ("TWILIO_SEGMENTS_PER_SECOND", "fast"),
    ("TWILIO_SEGMENTS_PER_SECOND", "-1"),
    ("TWILIO_SEGMENTS_PER_SECOND", "nan"),
    ("TWILIO_SEGMENTS_PER_SECOND", "inf"),
    ("SMS_COUNTRIES", "Kyrgyzstan"),
    ("SMS_COUNTRIES", "kg"),
    ("SENTRY_DSN", "sentry"),
]


def read_settings(monkeypatch: pytest.MonkeyPatch, **environ: str | None) -> dict[str, Any]:
    """The settings module under an environment of its own."""
    named = {name for name, _ in WRONG} | VALID.keys()
    for name in named:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENV_FILE", os.devnull)
    monkeypatch.setattr(logging, "configure", lambda **_: None)
    for name, value in (VALID | environ).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "config" / "settings.py"))


def test_the_valid_values_start(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings(monkeypatch)
    assert settings["ALLOWED_HOSTS"] == ["alertme.example"]
    assert settings["SECURE_SSL_REDIRECT"] is True
    assert settings["DEBUG"] is False


@pytest.mark.parametrize("value", [None, "", "  "])
@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_missing_value_is_named(name: str, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} is missing: expected .+\.$"):
        read_settings(monkeypatch, **{name: value})


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_named_and_not_repeated(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} is wrong: .+\.$") as caught:
        read_settings(monkeypatch, **{name: value})
    assert "secret" not in str(caught.value)
    assert str(caught.value).count(value) <= str(caught.value.args[0].replace(value, "", 1)).count(value) + 1


@pytest.mark.parametrize("value", ["smtp//host", "carrier-pigeon://host"])
def test_a_wrong_mail_server_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^EMAIL_URL is wrong: expected"):
        read_settings(monkeypatch, EMAIL_URL=value)


def test_an_empty_mail_server_prints_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(monkeypatch, EMAIL_URL="")["EMAIL_BACKEND"].endswith("console.EmailBackend")


def test_a_messaging_service_does_instead_of_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    service = "MG" + "0" * 32
    settings = read_settings(monkeypatch, TWILIO_PHONE_NUMBER=None, TWILIO_MESSAGING_SERVICE_SID=service)
    assert settings["TWILIO_MESSAGING_SERVICE_SID"] == service


def test_without_hosts_only_debug_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(monkeypatch, DEBUG="true", ALLOWED_HOSTS=None)["ALLOWED_HOSTS"] == []


@pytest.mark.parametrize(
    "token", ["$ecret-with-a-dollar-sign", "with spaces, commas and 'quotes'", "a=b#c%20d-e-f-g-h-i"]
)
def test_a_secret_is_taken_as_it_stands(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(monkeypatch, TWILIO_AUTH_TOKEN=token)["TWILIO_AUTH_TOKEN"] == token


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("ON", True), ("Yes", True), ("0", False), ("off", False)])
def test_booleans_are_words(raw: str, value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", raw)
    assert environment.boolean("DEBUG", default=not value) is value


@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "DATABASE_URL"])
def test_the_start_itself_stops_with_the_name(name: str) -> None:
    environ = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull} | VALID
    del environ[name]
    start = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert start.returncode != 0
    assert f"{name} is missing: expected" in start.stderr
