"""Cookies over HTTPS are bound to the host: only the admin has any."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from deploy.local.environment import ROOT
from tests.services import SETTINGS

_PRINT = (
    "import django; from django.conf import settings as s; django.setup();"
    "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("https", "__Host-sessionid __Host-csrftoken True True"),
        ("http", "sessionid csrftoken False False"),
    ],
)
def test_cookies_have_the_host_prefix_over_https(scheme: str, expected: str) -> None:
    environment = (
        os.environ
        | SETTINGS
        | {
            "PUBLIC_BASE_URL": f"{scheme}://alertme.example.org",
            "DATABASE_URL": "postgres://x:y@127.0.0.1:1/z",
            "RABBITMQ_URL": "amqp://x:y@127.0.0.1:1/z",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ENV_FILE": "/nonexistent",
        }
    )
    shown = subprocess.run(
        [sys.executable, "-c", _PRINT], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == expected.split()


def test_the_admin_session_is_short() -> None:
    assert settings.SESSION_COOKIE_AGE == 8 * 3600
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_PATH == settings.CSRF_COOKIE_PATH == "/"
    assert settings.SESSION_COOKIE_DOMAIN is settings.CSRF_COOKIE_DOMAIN is None
