"""Programs that must not start: a sandbox that would swallow real SMS, an installation with the secrets of the
example."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from config.warming import refuse_published_secrets


def test_the_sandbox_does_not_start_in_production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = False
    monkeypatch.delenv("ALLOW_SANDBOX", raising=False)
    with pytest.raises(CommandError, match="ALLOW_SANDBOX"):
        call_command("runsandbox", "--port", "1")


def test_the_sandbox_needs_a_port(settings: Any) -> None:
    settings.DEBUG = True
    settings.TWILIO_API_BASE_URL = "https://api.twilio.com"
    with pytest.raises(CommandError, match="--port"):
        call_command("runsandbox")


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATA_KEYS", "TWILIO_AUTH_TOKEN"])
def test_the_examples_secrets_are_refused(settings: Any, name: str) -> None:
    refuse_published_secrets()
    setattr(settings, name, "change-me-to-something-of-your-own")
    with pytest.raises(ImproperlyConfigured, match=name):
        refuse_published_secrets()
