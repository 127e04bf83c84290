"""A missing or wrong value stops the start, with its name and the expected form. The value itself is never repeated."""

import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment, logging

ROOT = Path(__file__).resolve().parents[2]

VALID = {
    "SECRET_KEY": "a-key-for-tests-only-of-more-than-fifty-characters-0123456789",
    "DATA_KEYS": "a-data-key-for-tests-only-of-more-than-fifty-characters-01234567",
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
    ("DATA_KEYS", "short"),
    ("DATA_KEYS", "plain"),
    ("DATA_KEYS", "plain,short"),
    ("DATA_KEYS", "a" * 50 + ",plain"),
    ("DATA_KEYS", "a" * 50 + ","),
    ("DATA_KEYS", "a" * 50 + "," + "a" * 50),
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
    ("MIGRATION_DATABASE_URL", "sqlite:///db.sqlite3"),
    ("DATABASE_URL", "postgres://user:secret@host"),
    ("DATABASE_URL", "postgres://user:secret@host:port/name"),
    ("DATABASE_URL", "postgres://user:secret@host:0/name"),
    ("DATABASE_URL", "postgres://user:secret@host:65536/name"),
    ("DATABASE_URL", "postgres://user:secret@host:-1/name"),
    ("DATABASE_URL", "postgres://user:secret@/name"),
    ("DATABASE_URL", "postgres://user:secret@one,/name"),
    ("DATABASE_URL", "postgres://user:secret@one,,two/name"),
    ("DATABASE_URL", "postgres://user:secret@one two/name"),
    ("DATABASE_URL", "postgres://user:secret@one:1,two:port/name"),
    ("DATABASE_URL", "postgres://user:secret@one,two/name?port=1,2,3"),
    ("DATABASE_URL", "postgres://user:secret@[::1/name"),
    ("DATABASE_URL", "postgres://user:secret%zz@host/name"),
    ("DATABASE_URL", "postgres://user:secret@host/name?sslmood=require"),
    ("DATABASE_URL", "postgres://user:secret@host/name?options=-c%20lock_timeout%3D0"),
    ("DATABASE_URL", "postgres://user:secret@one,two/name?target_session_attrs=read-only"),
    ("DATABASE_URL", "postgres://user:secret@one,two/name?target_session_attrs=whatever"),
    ("DATABASE_URL", "host=one user=u password=secret dbname=name"),
    ("RABBITMQ_URL", "http://host"),
    ("RABBITMQ_URL", "amqp://"),
    ("RABBITMQ_URL", "amqp://user:secret@host:port/vhost"),
    ("RABBITMQ_URL", "amqp://user:secret@host:0/vhost"),
    ("RABBITMQ_URL", "amqp://user:secret@one/vhost,http://two/vhost"),
    ("RABBITMQ_URL", "amqp://user:secret@one/vhost;amqp://"),
    ("RABBITMQ_URL", "amqp://user:secret@one/vhost,memory://two"),
    ("RABBITMQ_URL", "one,amqp://user:secret@two/vhost"),
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
    ("EVIDENCE_S3_BUCKET", "No Bucket"),
    ("EXPORT_SIGNING_KEY", "short"),
    ("EXPORT_SIGNING_KEY", "g" * 64),
]


def read_settings(monkeypatch: pytest.MonkeyPatch, **environ: str | None) -> dict[str, Any]:
    """Run the settings module under an environment of its own."""
    named = {name for name, _ in WRONG} | VALID.keys() | environ.keys()
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
    assert "secret" not in "".join(traceback.format_exception(caught.value))
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


def test_one_database_server_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgres://me:p%40ss@db.example:6543/app?sslmode=verify-full"
    database = read_settings(monkeypatch, DATABASE_URL=url)["DATABASES"]["default"]
    assert {name: database[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")} == {
        "HOST": "db.example",
        "PORT": "6543",
        "USER": "me",
        "PASSWORD": "p@ss",
        "NAME": "app",
    }
    assert database["OPTIONS"]["sslmode"] == "verify-full"
    assert database["OPTIONS"]["target_session_attrs"] == "read-write"


@pytest.mark.parametrize(
    ("hosts", "host", "port"),
    [
        ("one:1,two:2", "one,two", "1,2"),
        ("one,two", "one,two", ""),
        ("[::1]:1,127.0.0.1:2", "::1,127.0.0.1", "1,2"),
        ("one,two:2", "one,two", ",2"),
    ],
)
def test_of_several_database_servers_the_one_that_takes_writes_is_used(
    hosts: str, host: str, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_settings(monkeypatch, DATABASE_URL=f"postgres://me:secret@{hosts}/app")["DATABASES"]["default"]
    assert (read["HOST"], read["PORT"]) == (host, port)
    assert read["OPTIONS"]["target_session_attrs"] == "read-write"


def test_the_url_may_choose_how_the_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgres://me:secret@one,two/app?target_session_attrs=any&connect_timeout=9"
    options = read_settings(monkeypatch, DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
    assert options["target_session_attrs"] == "any"
    assert options["connect_timeout"] == "9"
    assert "statement_timeout" in options["options"]


@pytest.mark.parametrize("separator", [",", ";", " ; "])
def test_a_broker_may_have_several_nodes(separator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = ["amqp://me:a,b;c@one:1/vhost", "amqps://me:secret@two:2/vhost", "amqp://me:secret@three/vhost"]
    assert read_settings(monkeypatch, RABBITMQ_URL=separator.join(nodes))["RABBITMQ_URLS"] == nodes


def test_evidence_lies_on_disk_or_in_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(monkeypatch)["STORAGES"]["evidence"]["BACKEND"].endswith("FileSystemStorage")
    keys = {"EVIDENCE_S3_ACCESS_KEY": "key", "EVIDENCE_S3_SECRET_KEY": "a-secret-key"}
    named = {"EVIDENCE_S3_BUCKET": "evidence", "EVIDENCE_S3_ENDPOINT": "https://s3.example/"} | keys
    assert read_settings(monkeypatch, **named)["STORAGES"]["evidence"] == {
        "BACKEND": "alerts.evidence.s3.Bucket",
        "OPTIONS": {
            "bucket_name": "evidence",
            "endpoint_url": "https://s3.example",
            "region_name": None,
            "access_key": "key",
            "secret_key": "a-secret-key",
        },
    }
    for missing in keys:
        with pytest.raises(ImproperlyConfigured, match="both or neither"):
            read_settings(monkeypatch, **(named | {missing: None}))


def test_a_bucket_needs_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_spec", lambda _: None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install -r requirements-s3\.txt"):
        read_settings(monkeypatch, EVIDENCE_S3_BUCKET="evidence")


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
